//go:build integration

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestBrokerAwayDuringATask stops the broker in the middle of a task. The delivery is lost with the connection: the
// container is stopped, and the task runs again when the broker is back.
func TestBrokerAwayDuringATask(t *testing.T) {
	t.Parallel()
	task, outage := 10*time.Second, 5*time.Second
	if os.Getenv("DOCKER_WORKER_E2E_LONG") != "" {
		task, outage = 30*time.Second, 20*time.Second
	}
	node := brokertest.StartNode(t)
	s := newSite(t, node.URL)
	l := s.listen(t)
	p := s.start(t)
	id := taskID(t)
	s.submit(t, shell(id, fmt.Sprintf(`echo "attempt $ATTEMPT"; exec sleep %.0f`, task.Seconds())))
	first := l.awaitType(t, "task.started", id)

	node.Stop(t)
	over := time.After(outage)
	p.log.await(t, "connection is lost", p.ended)
	p.log.await(t, "claim lost", p.ended)
	brokertest.Wait(t, patience, "the first container is gone", func() bool { return len(containers(t, "", s.worker)) == 0 })
	<-over
	if !p.alive() {
		t.Fatalf("the worker has ended:\n%s", p.log)
	}
	node.Start(t)
	l.consume(t)

	p.log.await(t, "connection is back", p.ended)
	second := l.await(t, "the second start", func(e event) bool { return e.Type == "task.started" && e.TaskID == id && e.Attempt == 2 })
	if second.ContainerID == first.ContainerID {
		t.Errorf("the second attempt runs in the container of the first")
	}
	e := l.outcome(t, id, 2)
	if e.Type != "task.completed" {
		t.Errorf("the second attempt: %s", e.Body)
	}
	l.checkLog(t, e)
	if outcomes := l.all(isOutcome); len(outcomes) != 1 {
		t.Errorf("%d outcomes, want 1:\n%s", len(outcomes), l)
	}
	brokertest.Wait(t, patience, "no container is left", func() bool { return len(containers(t, "", s.worker)) == 0 })
}
