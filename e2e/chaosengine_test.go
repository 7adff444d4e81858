//go:build integration

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosEngineRestarted restarts an engine that keeps its containers alive (live-restore) in the middle of a task,
// and the worker with it: the task does not notice. TestEngineAway has an engine that takes its containers with it.
func TestChaosEngineRestarted(t *testing.T) {
	t.Parallel()
	engine := startEngine(t, "--live-restore")
	s := newSite(t, brokertest.URL())
	s.engine = engine.host
	l := s.listen(t)
	tasks := counts{}
	task := tasks.add(t, sized(200, 600))
	s.submit(t, task)
	p := s.start(t)
	// Docker 20.10 does stop a container, live-restore or not, that it has not counted among the running ones yet, and a
	// command may be heard of before that.
	brokertest.Wait(t, 2*patience, "the task is at work", func() bool {
		return strings.Contains(l.stream(task.MessageId, 1, "stdout"), "out 9\n") &&
			slices.Equal(containers(t, s.engine, s.worker), []string{task.MessageId + "/running"})
	})

	engine.stop(t)
	p.log.await(t, "lost the engine while a container runs", p.ended)
	engine.start(t)
	p.log.await(t, "the engine is back, and the container with it", p.ended)
	// Once more, and the worker dies while the engine is away.
	engine.stop(t)
	p.kill()
	engine.start(t)
	watch := watchEngine(t, engine.host)
	p = s.start(t)
	p.log.await(t, adopted, p.ended)

	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	if again := watch.of(task.MessageId); len(again) > 0 {
		t.Errorf("the engine started containers after its restart: %v", again)
	}
	if told := l.all(func(e event) bool { return e.Type == "task.started" }); len(told) != 1 {
		t.Errorf("task.started was told %d times, want once", len(told))
	}
	s.checkEmpty(t)
}
