//go:build integration

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// outage is how long a task runs, and how long the broker is away in the middle of it.
func outage() (task, away time.Duration) {
	if os.Getenv("DOCKER_WORKER_E2E_LONG") != "" {
		return 30 * time.Second, 20 * time.Second
	}
	return 10 * time.Second, 5 * time.Second
}

// TestBrokerAwayDuringATask stops the broker in the middle of two tasks. Without a lease the delivery is lost with the
// connection: the container is stopped, and the task runs again when the broker is back. With one the task does not
// notice.
func TestBrokerAwayDuringATask(t *testing.T) {
	t.Parallel()
	duration, away := outage()
	node := brokertest.StartNode(t)
	held, leased := newSite(t, node.URL), newSite(t, node.URL)
	fromHeld, fromLeased := held.listen(t), leased.listen(t)
	holder, leaser := held.start(t, "--lease", "0"), leased.start(t)
	lost, kept := taskID(t), taskID(t)
	count := fmt.Sprintf(`i=0; while [ $i -lt %.0f ]; do echo $i; i=$((i+1)); sleep 1; done`, duration.Seconds())
	held.submit(t, shell(lost, count))
	leased.submit(t, shell(kept, count))
	first := fromHeld.awaitType(t, "task.started", lost)
	fromLeased.awaitType(t, "task.started", kept)

	node.Stop(t)
	over := time.After(away)
	for _, p := range []*process{holder, leaser} {
		p.log.await(t, "connection is lost", p.ended)
	}
	holder.log.await(t, "claim lost", holder.ended)
	brokertest.Wait(t, patience, "the container of the lost delivery is gone", func() bool {
		return len(containers(t, "", held.worker)) == 0
	})
	<-over
	if !holder.alive() || !leaser.alive() {
		t.Fatal("a worker has ended")
	}
	node.Start(t)
	fromHeld.consume(t)
	fromLeased.consume(t)
	for _, p := range []*process{holder, leaser} {
		p.log.await(t, "connection is back", p.ended)
	}

	again := fromHeld.await(t, "the second start", func(e event) bool { return e.Type == "task.started" && e.Attempt == 2 })
	if again.ContainerID == first.ContainerID {
		t.Errorf("the second attempt runs in the container of the first")
	}
	for _, o := range []struct {
		site    *site
		from    *listener
		task    string
		attempt int
	}{{held, fromHeld, lost, 2}, {leased, fromLeased, kept, 1}} {
		e := o.from.outcome(t, o.task, o.attempt)
		if e.Type != "task.completed" {
			t.Errorf("%s: %s", o.task, e.Body)
		}
		o.from.checkLog(t, e)
		if outcomes := o.from.all(isOutcome); len(outcomes) != 1 {
			t.Errorf("%s: %d outcomes, want 1:\n%s", o.task, len(outcomes), o.from)
		}
		if started := o.from.all(func(e event) bool { return e.Type == "task.started" }); len(started) != o.attempt {
			t.Errorf("%s: started %d times, want %d", o.task, len(started), o.attempt)
		}
		brokertest.Wait(t, patience, "no container and no message is left", func() bool {
			return len(containers(t, "", o.site.worker)) == 0 && brokertest.Count(t, o.site.broker, o.site.queue) == 0
		})
	}
}
