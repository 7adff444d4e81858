//go:build integration

package e2e

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestStartRefusesAQueueThatIsAbsent(t *testing.T) {
	// A broker of its own: on the machine's, others declare and delete at the same time.
	node := brokertest.StartNode(t)
	inventory := func() string {
		return node.Ctl(t, "list_queues", "name") + node.Ctl(t, "list_exchanges", "name")
	}
	before := inventory()

	r := programIn(t, []string{"DOCKER_WORKER_AMQP=" + node.URL}, "", "start", "--state-dir", t.TempDir(), "no-such-queue")
	if r.code != 6 {
		t.Errorf("exit code %d, want 6", r.code)
	}
	if r.took > 2*time.Second {
		t.Errorf("it took %v, want at most 2s", r.took)
	}
	if strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
		t.Errorf("want one line on stderr, not\n%s%s", r.stdout, r.stderr)
	}
	for _, part := range []string{brokertest.Host(t, node.URL), `vhost "/"`, `"no-such-queue"`, "docker-worker queue declare no-such-queue"} {
		if !strings.Contains(r.stderr, part) {
			t.Errorf("the line does not name %s: %s", part, r.stderr)
		}
	}
	if diff := cmp.Diff(before, inventory()); diff != "" {
		t.Errorf("something was created (-before +after):\n%s", diff)
	}
}

func TestStartWithoutServices(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	nowhere := "unix://" + filepath.Join(t.TempDir(), "no.sock")
	for _, test := range []struct {
		name string
		env  []string
		code int
		says []string
	}{
		{"engine", []string{"DOCKER_HOST=" + nowhere}, 5, []string{strings.TrimPrefix(nowhere, "unix://"), "--startup-timeout"}},
		{"broker", []string{"DOCKER_WORKER_AMQP=amqp://" + closedPort(t)}, 4, []string{"amqp://", "--startup-timeout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := programIn(t, append(test.env, "DOCKER_WORKER_STARTUP_TIMEOUT=1s"), "", "start", "--state-dir", t.TempDir(), s.queue)
			if r.code != test.code {
				t.Errorf("exit code %d, want %d", r.code, test.code)
			}
			for _, text := range append(test.says, "not ready, will try again") {
				if !strings.Contains(r.stderr, text) {
					t.Errorf("%q is not in\n%s", text, r.stderr)
				}
			}
		})
	}
}

func TestStartWaitsForItsServices(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	proxy := brokertest.NewProxy(t, s.broker)
	proxy.Refuse(true)
	s.broker = brokertest.WithHost(t, s.broker, proxy.Host())
	p := s.launch(t)
	p.log.await(t, "not ready, will try again", p.ended)
	proxy.Refuse(false)
	p.log.await(t, "taking tasks", p.ended)
}

func TestTwoWorkersWithOneID(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	s.start(t)
	second := s.launch(t)
	if code := second.exit(t); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if !strings.Contains(second.log.String(), "another worker with this id runs on this host") {
		t.Errorf("it does not say why:\n%s", second.log)
	}
}

// closedPort is a host and port where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
