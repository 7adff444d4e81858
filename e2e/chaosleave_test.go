//go:build integration

package e2e

import (
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosUpgrade ends the worker with SIGUSR2, twice, in the middle of tasks. One of them runs on until the last
// process is there; the other ends while nobody watches.
func TestChaosUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l, engine := s.listen(t), watchEngine(t, "")
	tasks := counts{}
	long, short := tasks.add(t, sized(120, 600)), tasks.add(t, 10)
	s.submit(t, long)
	p := s.start(t, "--capacity", "2")
	l.awaitType(t, "task.started", long.MessageId)
	leave := func() {
		p.signal(syscall.SIGUSR2)
		if code := p.exit(t); code != 8 {
			t.Errorf("after SIGUSR2: exit code %d, want 8", code)
		}
	}

	s.submit(t, short)
	l.awaitType(t, "task.started", short.MessageId)
	leave()
	engine.ended(t, short.MessageId, 1)
	if diff := cmp.Diff(2, len(containers(t, "", s.worker))); diff != "" {
		t.Errorf("containers while no worker is there (-want +got):\n%s", diff)
	}
	p = s.start(t, "--capacity", "2")
	l.outcome(t, short.MessageId, 1)
	leave()
	p = s.start(t, "--capacity", "2")
	p.log.await(t, adopted, p.ended)
	if early := l.all(func(e event) bool { return isOutcome(e) && e.TaskID == long.MessageId }); len(early) > 0 {
		t.Errorf("the long task ended before the second upgrade: nothing is shown")
	}

	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	for id := range tasks {
		run := engine.ended(t, id, 1)[0]
		e := l.outcome(t, id, 1)
		// The engine and its events differ by a little: the event is sent after the process was waited for.
		if off := e.Times.Finished.Sub(run.ended).Abs(); off.Seconds() > 2 {
			t.Errorf("%s ended at %v by the outcome, and at %v by the engine", id, e.Times.Finished, run.ended)
		}
		told := l.all(func(e event) bool { return e.Type == "task.started" && e.TaskID == id })
		if len(told) != 1 || told[0].ContainerID != run.container {
			t.Errorf("%s: task.started was told %d times, want once, of container %s", id, len(told), run.container)
		}
	}
	s.checkEmpty(t)
}
