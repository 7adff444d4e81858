//go:build integration

package e2e

import (
	"fmt"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosTaskThatKillsItsWorker is a task whose host dies each time that it runs. It takes a few hosts with it, and
// not the fleet.
func TestChaosTaskThatKillsItsWorker(t *testing.T) {
	t.Parallel()
	const attempts = 3
	s := newSite(t, brokertest.URL())
	l, engine := s.listen(t), watchEngine(t, "")
	id := taskID(t)
	s.submit(t, message(id, map[string]any{"image": image, "command": []string{"sleep", "600"}, "maxAttempts": attempts}))
	for attempt := 1; attempt <= attempts; attempt++ {
		host := s.beside(t, fmt.Sprint(attempt))
		p := host.start(t, "--lease", "3s")
		l.await(t, "another start", func(e event) bool { return e.Type == "task.started" && e.TaskID == id && e.Attempt == attempt })
		p.kill()
	}
	p := s.start(t, "--lease", "3s")
	e := l.outcome(t, id, attempts+1)
	if e.Type != "task.exception" || e.Retrying {
		t.Errorf("the outcome: %s", e.Body)
	}
	// It goes over the task queue once more, marked, to be rejected there: a worker has to be about.
	brokertest.Wait(t, patience, "the task is with the dead letters", func() bool { return brokertest.Count(t, s.broker, s.queue+".dead") == 1 })
	p.drain(t)
	counts{}.check(t, l, map[string][]string{id: {"4 too-many-attempts"}})
	s.checkEmpty(t)
	if runs := engine.of(id); len(runs) != attempts {
		t.Errorf("it ran %d times, want %d: %v", len(runs), attempts, runs)
	}
}
