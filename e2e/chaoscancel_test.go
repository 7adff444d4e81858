//go:build integration

package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// cancelLimit is how long after the task's grace an outcome may come. It counts from when the worker has the order, by the
// worker's own clock, so that a machine that is slow to start the command that cancels does not count.
const cancelLimit = 2 * time.Second

// TestChaosCancel cancels a task wherever one can be: in a pull that stalls, in its container, behind a full worker, and
// on its way to a worker that has heard of the order before. It is not parallel: there is a limit of time.
func TestChaosCancel(t *testing.T) {
	s := newSite(t, brokertest.URL())
	l, engine := s.listen(t), watchEngine(t, "")
	p := s.start(t)
	want := map[string][]string{}

	t.Run("during the pull", func(t *testing.T) {
		registry := newStalledRegistry(t)
		id := taskID(t)
		s.submit(t, message(id, map[string]any{"image": registry.host + "/slow/image:latest"}))
		registry.awaitRequest(t)
		s.cancelIn(t, p, l, id, 0)
		want[id] = []string{"1 canceled"}
	})
	t.Run("during the run", func(t *testing.T) {
		id := taskID(t)
		s.submit(t, shell(id, `trap 'echo stopping; exit 9' TERM; echo here; while :; do sleep 0.1; done`))
		l.awaitType(t, "task.started", id)
		brokertest.Wait(t, patience, "the trap is set", func() bool { return l.stream(id, 1, "stdout") == "here\n" })
		s.cancelIn(t, p, l, id, time.Second)
		if got := l.stream(id, 1, "stdout"); got != "here\nstopping\n" {
			t.Errorf("its last words are missing in %q", got)
		}
		want[id] = []string{"1 canceled"}
	})
	t.Run("during a run that does not stop", func(t *testing.T) {
		id := taskID(t)
		s.submit(t, shell(id, `trap '' TERM; echo here; while :; do sleep 0.1; done`))
		brokertest.Wait(t, 2*patience, "the trap is set", func() bool { return l.stream(id, 1, "stdout") == "here\n" })
		s.cancelIn(t, p, l, id, time.Second)
		want[id] = []string{"1 canceled"}
	})
	t.Run("behind a full worker", func(t *testing.T) {
		running, waiting := taskID(t), taskID(t)
		s.submit(t, shell(running, "exec sleep 600"), shell(waiting, "echo too much"))
		l.awaitType(t, "task.started", running)
		s.cancelNobody(t, waiting)
		s.cancelIn(t, p, l, running, time.Second)
		l.outcome(t, waiting, 1)
		want[running], want[waiting] = []string{"1 canceled"}, []string{"1 canceled"}
	})
	t.Run("before delivery", func(t *testing.T) {
		id := taskID(t)
		s.cancelNobody(t, id)
		s.submit(t, shell(id, "echo too late"))
		l.outcome(t, id, 1)
		want[id] = []string{"1 canceled"}
	})

	p.drain(t)
	counts{}.check(t, l, want)
	for id := range want {
		for _, e := range l.all(func(e event) bool { return e.TaskID == id && isOutcome(e) }) {
			if e.Retrying || e.Type != "task.exception" {
				t.Errorf("%s: %s", id, e.Body)
			}
		}
	}
	started := 0
	for id := range want {
		started += len(engine.of(id))
	}
	if started != 3 {
		t.Errorf("%d containers were started, want 3: of the tasks that were canceled in them", started)
	}
	s.checkEmpty(t)
	if n := brokertest.Count(t, s.broker, s.queue+".dead"); n != 0 {
		t.Errorf("%d canceled tasks were dead-lettered", n)
	}
}

// cancelIn cancels a task that a worker has.
func (s *site) cancelIn(t *testing.T, p *process, l *listener, id string, grace time.Duration) {
	t.Helper()
	r := program(t, "", "cancel", "--amqp", s.broker, "--events-exchange", s.exchange, id)
	e := l.outcome(t, id, 1)
	took := e.Time.Sub(p.log.timeOf(t, "msg=cancel task="+id))
	t.Logf("canceled %v after the order, with a grace of %v", took.Round(time.Millisecond), grace)
	if took > grace+cancelLimit {
		t.Errorf("%s was canceled after %v, want it within %v", id, took, grace+cancelLimit)
	}
	if r.code != 0 || !strings.Contains(r.stdout+r.stderr, "canceled") {
		t.Errorf("cancel %s: exit code %d, stdout %q, stderr %q", id, r.code, r.stdout, r.stderr)
	}
}

// cancelNobody cancels a task that no worker has yet.
func (s *site) cancelNobody(t *testing.T, id string) {
	t.Helper()
	r := program(t, "", "cancel", "--amqp", s.broker, "--events-exchange", s.exchange, id)
	if r.code != 9 || !strings.Contains(r.stderr, "nobody has task "+id) || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("cancel %s: exit code %d, want 9; stderr %q", id, r.code, r.stderr)
	}
}

// TestChaosDrain orders a worker to end, and then one that is not there.
func TestChaosDrain(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t)
	tasks := counts{}
	running, waiting := tasks.add(t, 50), shell(taskID(t), "echo too much")
	s.submit(t, running)
	l.awaitType(t, "task.started", running.MessageId)
	order := func() result {
		return program(t, "", "drain", "--amqp", s.broker, "--events-exchange", s.exchange, s.worker)
	}
	if r := order(); r.code != 0 || r.stdout != "worker "+s.worker+" drains; 1 tasks are running\n" || r.stderr != "" {
		t.Errorf("drain: exit code %d, want 0; stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
	s.submit(t, waiting)
	if code := p.exit(t); code != 0 {
		t.Errorf("the worker's exit code is %d, want 0", code)
	}
	if r := order(); r.code != 9 || r.stdout != "" || !strings.HasSuffix(r.stderr, "no worker "+s.worker+" listens\n") {
		t.Errorf("drain of nobody: exit code %d, want 9; stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
	l.outcome(t, running.MessageId, 1)
	tasks.check(t, l, tasks.completed(1))
	if n := brokertest.Count(t, s.broker, s.queue); n != 1 {
		t.Errorf("%d tasks are on the queue, want the one that came too late", n)
	}
}

// stalledRegistry is an image registry that takes requests and never answers them.
type stalledRegistry struct {
	host  string
	asked chan struct{} // gets a value when the first request for a manifest has come
}

func newStalledRegistry(t *testing.T) *stalledRegistry {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // an engine speaks plain HTTP with 127.0.0.0/8
	if err != nil {
		t.Fatal(err)
	}
	r := &stalledRegistry{host: ln.Addr().String(), asked: make(chan struct{}, 1)}
	over := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/v2/" {
			return // it is a registry
		}
		select {
		case r.asked <- struct{}{}:
		default:
		}
		select {
		case <-req.Context().Done():
		case <-over:
		}
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(ln)
	}()
	t.Cleanup(func() {
		close(over)
		_ = server.Close()
		<-served
	})
	return r
}

func (r *stalledRegistry) awaitRequest(t *testing.T) {
	t.Helper()
	select {
	case <-r.asked:
	case <-time.After(patience):
		t.Fatal("the engine has asked the registry for nothing")
	}
}
