//go:build integration

package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosBrokerKilled kills the broker while it has a lot to do, and starts it again before the lease is over. All
// that it had confirmed is on its disk: no task is lost, and none runs twice.
func TestChaosBrokerKilled(t *testing.T) {
	t.Parallel()
	kills := sized(2, 10)
	node := brokertest.StartNode(t)
	s := newSite(t, node.URL)
	l, engine := s.listen(t), watchEngine(t, "")
	tasks := counts{}
	p := s.start(t, "--capacity", "3")
	first := tasks.add(t, 1)
	s.submit(t, first)
	l.outcome(t, first.MessageId, 1) // a queue that was declared a moment ago may be gone after a kill
	for n := range kills {
		for brokertest.Count(t, s.broker, s.queue) < 6 {
			s.submit(t, tasks.add(t, 5+rand.IntN(30)))
		}
		<-time.After(rand.N(3 * time.Second)) // any moment: this is what is tested
		node.Kill()
		node.Start(t)
		l.consume(t)
		for _, connection := range []string{"consumer", "claims", "events"} { // else the next kill would meet an idle broker
			brokertest.Wait(t, 2*patience, "the worker is back", func() bool {
				return len(p.log.lines(`msg="connection is back" connection=`+connection)) > n
			})
		}
	}
	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	engine.once(t, tasks)
	s.checkEmpty(t)
	t.Logf("%d kills, %d tasks, 0 run twice; %d messages came twice and were dropped by their id", kills, len(tasks), len(l.repeats))
}

// TestChaosNodeOfAClusterKilled kills the node of a cluster that leads the task queue and the claims queue. The others go
// on in less than a second, and so do the tasks.
func TestChaosNodeOfAClusterKilled(t *testing.T) {
	t.Parallel()
	if !fullChaos() {
		t.Skip("a cluster of three nodes takes a minute to start: with DOCKER_WORKER_CHAOS=full only")
	}
	nodes := brokertest.StartCluster(t, 3)
	// A queue is led by the node that its maker is connected to.
	leader, survivor := nodes[0], nodes[1]
	s := newSite(t, leader.URL)
	s.start(t).drain(t)
	for _, queue := range []string{s.queue, s.claims()} {
		if got := leader.Leader(t, queue); got != leader.Name {
			t.Fatalf("%s is led by %s, want %s", queue, got, leader.Name)
		}
	}
	s.broker = survivor.URL
	l, engine := s.listen(t), watchEngine(t, "")
	tasks := counts{}
	p := s.start(t, "--capacity", "3", "--amqp", leader.URL, "--amqp", survivor.URL, "--amqp", nodes[2].URL)
	for range 3 {
		task := tasks.add(t, 150)
		s.submit(t, task)
		l.awaitType(t, "task.started", task.MessageId)
	}
	leader.Kill()
	brokertest.Wait(t, 2*patience, "the task queue has another leader", func() bool {
		now := survivor.Leader(t, s.queue)
		return now != "" && now != leader.Name
	})
	for range 6 { // these come to a queue with another leader
		s.submit(t, tasks.add(t, 10))
	}
	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	engine.once(t, tasks)
	s.checkEmpty(t)
}
