//go:build integration

package e2e

import (
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestEngineAway(t *testing.T) {
	t.Parallel()
	engine := startEngine(t)
	s := newSite(t, brokertest.URL())
	s.engine = engine.host
	l := s.listen(t)
	p := s.start(t)

	// While a task runs: the engine takes the container with it.
	running := taskID(t)
	s.submit(t, shell(running, `echo "attempt $ATTEMPT"; [ "$ATTEMPT" = 2 ] || exec sleep 600`))
	l.awaitType(t, "task.started", running)
	engine.stop(t)
	p.log.await(t, "the engine does not answer; no task is taken until it does", p.ended)
	// While tasks wait.
	waiting := taskID(t)
	s.submit(t, shell(waiting, "echo here"))
	if e := l.all(func(e event) bool { return e.TaskID == waiting }); len(e) > 0 {
		t.Errorf("a task was taken without an engine: %s", e[0].Body)
	}
	engine.start(t)

	p.log.await(t, "the engine answers again", p.ended)
	first := l.outcome(t, running, 1)
	if first.Type != "task.exception" || first.Reason != "resource-unavailable" || !first.Retrying {
		t.Errorf("the interrupted task: %s", first.Body)
	}
	if e := l.outcome(t, running, 2); e.Type != "task.completed" {
		t.Errorf("the interrupted task, second attempt: %s", e.Body)
	}
	if e := l.outcome(t, waiting, 1); e.Type != "task.completed" {
		t.Errorf("the waiting task: %s", e.Body)
	}
	if said := p.log.lines("the engine does not answer"); len(said) != 1 {
		t.Errorf("said %d times, want once: %s", len(said), strings.Join(said, ""))
	}
	brokertest.Wait(t, patience, "no container is left", func() bool { return len(containers(t, s.engine, s.worker)) == 0 })
	brokertest.Wait(t, patience, "the queue is empty", func() bool { return brokertest.Count(t, s.broker, s.queue) == 0 })
}

// TestEngineAwayWhileIdle: the worker has nothing to do when the engine goes, and a task comes.
func TestEngineAwayWhileIdle(t *testing.T) {
	t.Parallel()
	engine := startEngine(t)
	s := newSite(t, brokertest.URL())
	s.engine = engine.host
	l := s.listen(t)
	p := s.start(t)
	engine.stop(t)
	id := taskID(t)
	s.submit(t, shell(id, "echo here"))
	p.log.await(t, "the engine does not answer", p.ended)
	engine.start(t)
	// The slot was waiting for a task when the engine went; this one may fail once for it.
	last := l.await(t, "an outcome that is final", func(e event) bool { return isOutcome(e) && e.TaskID == id && !e.Retrying })
	if last.Type != "task.completed" {
		t.Errorf("the task: %s", last.Body)
	}
	brokertest.Wait(t, patience, "no container is left", func() bool { return len(containers(t, s.engine, s.worker)) == 0 })
}
