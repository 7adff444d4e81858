//go:build integration

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestPasswordsAreNeverShown looks at everything that any command prints, at the most talkative level.
func TestPasswordsAreNeverShown(t *testing.T) {
	t.Parallel()
	const secret = "hush-%2Fsecret"
	node := brokertest.StartNode(t)
	node.Ctl(t, "add_user", "tester", "hush-/secret")
	node.Ctl(t, "set_permissions", "tester", ".*", ".*", ".*")
	node.Ctl(t, "set_permissions", "guest", ".*", ".*", ".*")
	host := brokertest.Host(t, node.URL)
	right := "amqp://tester:" + secret + "@" + host

	check := func(t *testing.T, printed string) {
		t.Helper()
		for _, form := range []string{"hush", "secret"} {
			if strings.Contains(printed, form) {
				t.Errorf("the password is shown:\n%s", printed)
			}
		}
	}
	for _, url := range []struct {
		name, url string
		code      int
	}{
		{"wrong password", "amqp://tester:wrong-hush-secret@" + host, 4},
		{"unknown user", "amqp://nobody:" + secret + "@" + host, 4},
		{"no vhost", right + "/nowhere", 4},
		{"unreachable", "amqp://tester:" + secret + "@" + closedPort(t), 4},
		{"bad port", "amqp://tester:" + secret + "@127.0.0.1:port", 3},
		{"bad escape", "amqp://tester:%zz" + secret + "@" + host, 3},
		{"bad scheme", "http://tester:" + secret + "@" + host, 3},
		{"two hosts", right + ",other:5672", 3},
		{"bare slash in the password", "amqp://tester:hush/secret@" + host, 3},
	} {
		t.Run(url.name, func(t *testing.T) {
			env := []string{"DOCKER_WORKER_AMQP=" + url.url, "DOCKER_WORKER_LOG_LEVEL=debug", "DOCKER_WORKER_STARTUP_TIMEOUT=1s", "DOCKER_WORKER_STATE_DIR=" + t.TempDir()}
			for _, args := range [][]string{{"start", "queue"}, {"submit", "queue", "-"}, {"queue", "declare", "queue"}, {"submit", "--follow", "queue", "-"}} {
				r := programIn(t, env, "{}", args...)
				check(t, r.stdout+r.stderr)
				want := url.code
				if slices.Contains(args, "--follow") {
					want = 125 // the other codes are the task's
				}
				if r.code != want {
					t.Errorf("%v: exit code %d, want %d: %s", args, r.code, want, r.stderr)
				}
			}
		})
	}

	s := newSite(t, right)
	l := s.listen(t)
	p := s.start(t, "--log-level", "debug", "--amqp", right)
	id := taskID(t)
	s.submit(t, shell(id, "env"))
	l.outcome(t, id, 1)
	_, _, text := l.log(id, 1)
	check(t, text)
	node.Ctl(t, "close_all_connections", "to see who comes back")
	p.log.await(t, "connection is back", p.ended)
	node.Ctl(t, "change_password", "tester", "another")
	node.Ctl(t, "close_all_connections", "the password has changed")
	p.log.await(t, "(403)", p.ended)
	p.kill()
	check(t, p.log.String())
}
