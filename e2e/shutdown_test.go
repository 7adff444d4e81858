//go:build integration

package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestFirstSignalEndsTheIntake(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t)
	running, waiting := taskID(t), taskID(t)
	s.submit(t, shell(running, "sleep 4; echo done"), shell(waiting, "echo too early"))
	l.awaitType(t, "task.started", running)
	p.signal(syscall.SIGTERM)
	l.await(t, "worker.draining", func(e event) bool { return e.Type == "worker.draining" })
	late := taskID(t)
	s.submit(t, shell(late, "echo too late"))

	if code := p.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	e := l.outcome(t, running, 1)
	if _, _, text := l.log(running, 1); e.Type != "task.completed" || text != "done\n" {
		t.Errorf("the running task: log %q, outcome %s", text, e.Body)
	}
	l.await(t, "worker.stopped", func(e event) bool { return e.Type == "worker.stopped" })
	if others := l.all(func(e event) bool { return e.TaskID == waiting || e.TaskID == late }); len(others) > 0 {
		t.Errorf("a task was taken after the signal: %s", others[0].Body)
	}
	brokertest.Wait(t, patience, "both other tasks are on the queue", func() bool { return brokertest.Count(t, s.broker, s.queue) == 2 })
	if left := containers(t, "", s.worker); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
}

func TestSecondSignalGivesTheTasksBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t)
	id := taskID(t)
	s.submit(t, shell(id, `trap 'echo stopping; exit 9' TERM; echo "attempt $ATTEMPT"; [ "$ATTEMPT" = 2 ] || while :; do sleep 0.1; done`))
	l.awaitType(t, "task.started", id)
	p.signal(syscall.SIGTERM)
	p.log.await(t, "no new task is taken", p.ended)
	p.signal(syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}

	e := l.outcome(t, id, 1)
	if e.Type != "task.exception" || e.Reason != "worker-shutdown" || !e.Retrying {
		t.Errorf("the outcome: %s", e.Body)
	}
	l.checkLog(t, e)
	if _, _, text := l.log(id, 1); !strings.HasPrefix(text, "attempt 1\nstopping\n") {
		t.Errorf("the last words are missing in the log: %q", text)
	}
	if left := containers(t, "", s.worker); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
	brokertest.Wait(t, patience, "the task is on the queue", func() bool { return brokertest.Count(t, s.broker, s.queue) == 1 })

	s.start(t)
	if e := l.outcome(t, id, 2); e.Type != "task.completed" {
		t.Errorf("the second attempt: %s", e.Body)
	}
	if _, _, text := l.log(id, 2); text != "attempt 2\n" {
		t.Errorf("the log of the second attempt: %q", text)
	}
}

func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t, "--drain-timeout", "500ms")
	id := taskID(t)
	s.submit(t, shell(id, "exec sleep 600"))
	l.awaitType(t, "task.started", id)
	p.signal(syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if e := l.outcome(t, id, 1); e.Reason != "worker-shutdown" {
		t.Errorf("the outcome: %s", e.Body)
	}
	if left := containers(t, "", s.worker); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
}

// TestKilledWorkerComesBack, without leases: the broker gives the task to somebody at once, so its container must not go
// on.
func TestKilledWorkerComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t, "--lease", "0")
	id := taskID(t)
	s.submit(t, shell(id, `echo "attempt $ATTEMPT"; [ "$ATTEMPT" = 2 ] || exec sleep 600`))
	first := l.awaitType(t, "task.started", id)
	p.kill()
	if left := containers(t, "", s.worker); len(left) != 1 {
		t.Fatalf("containers after the kill: %v, want the one that ran", left)
	}

	again := s.start(t, "--lease", "0")
	again.log.await(t, "removing what was left behind", again.ended)
	if !strings.Contains(again.log.String(), first.ContainerID) {
		t.Errorf("the log does not name the container %s", first.ContainerID)
	}
	if e := l.outcome(t, id, 2); e.Type != "task.completed" {
		t.Errorf("the second attempt: %s", e.Body)
	}
	if _, _, text := l.log(id, 2); text != "attempt 2\n" {
		t.Errorf("the log of the second attempt: %q", text)
	}
	if outcomes := l.all(isOutcome); len(outcomes) != 1 {
		t.Errorf("%d outcomes, want 1:\n%s", len(outcomes), l)
	}
	brokertest.Wait(t, patience, "no container is left", func() bool { return len(containers(t, "", s.worker)) == 0 })
}
