//go:build integration

package e2e

import (
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosConsumerTimeout has a task that runs for longer than the broker lets a delivery wait for its
// acknowledgement. A lease does not notice; without one the broker takes the task away and hands it out again.
func TestChaosConsumerTimeout(t *testing.T) {
	t.Parallel()
	timeout, length := sized(5*time.Second, time.Minute), sized(15*time.Second, 150*time.Second)
	node := brokertest.StartNode(t)
	node.ConsumerTimeout(t, timeout)
	engine := watchEngine(t, "")

	leased, tasks := newSite(t, node.URL), counts{}
	l := leased.listen(t)
	// It is renewed at a quarter of it. A lease of more than four timeouts would lose its connection, and find its claims
	// again, once in each.
	p := leased.start(t, "--lease", sized("10s", "2m"))
	long := tasks.add(t, int(length/(100*time.Millisecond)))
	leased.submit(t, long)

	held := newSite(t, node.URL)
	fromHeld := held.listen(t)
	holder := held.start(t, "--lease", "0")
	lost := taskID(t)
	held.submit(t, shell(lost, "exec sleep 600"))
	brokertest.Wait(t, 2*patience+timeout, "the task runs a second time without a lease", func() bool { return len(engine.of(lost)) > 1 })
	fromHeld.await(t, "another attempt without a lease", func(e event) bool { return e.Type == "task.claimed" && e.Attempt > 1 })
	if runs := engine.of(lost); runs[0].container == runs[1].container {
		t.Errorf("without a lease: %v, want two containers", runs)
	}
	holder.log.await(t, "claim lost", holder.ended)
	holder.kill()

	brokertest.Wait(t, 3*length+patience, "the long task has ended", func() bool {
		runs := engine.of(long.MessageId)
		return len(runs) > 0 && !runs[0].ended.IsZero()
	})
	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	leased.checkEmpty(t)
	if run := engine.ended(t, long.MessageId, 1)[0]; run.ended.Sub(run.started) < 2*timeout {
		t.Errorf("the task ran for %v, which does not show much about a timeout of %v", run.ended.Sub(run.started), timeout)
	}
	if said := p.log.lines("connection is lost"); len(said) > 0 {
		t.Errorf("a connection was lost: %s", said)
	}
}
