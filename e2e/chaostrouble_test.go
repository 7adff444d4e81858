//go:build integration

package e2e

import (
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosMemoryAlarm has an alarm that outlasts the lease, and the task. A broker that is short of memory takes
// nothing, renewals among it, and takes nothing away either: the task ends in peace, and is told of after the alarm.
func TestChaosMemoryAlarm(t *testing.T) {
	t.Parallel()
	lease := sized(6*time.Second, 20*time.Second)
	length := 5 * lease // of the task, at least
	node := brokertest.StartNode(t)
	s := newSite(t, node.URL)
	l, engine := s.listen(t), watchEngine(t, "")
	tasks := counts{}
	p := s.start(t, "--lease", lease.String())
	task := tasks.add(t, int(length/(100*time.Millisecond)))
	s.submit(t, task)
	l.awaitType(t, "task.started", task.MessageId)
	node.MemoryAlarm(t, true)
	p.log.await(t, `msg="the broker blocks publishers" connection=claims`, p.ended)
	over := time.Now().Add(2 * lease)
	brokertest.Wait(t, 3*length+patience, "the task has ended", func() bool {
		runs := engine.of(task.MessageId)
		return len(runs) > 0 && !runs[0].ended.IsZero()
	})
	brokertest.Wait(t, patience, "the lease would be over twice", func() bool { return time.Now().After(over) })
	if early := l.all(isOutcome); len(early) > 0 {
		t.Errorf("an outcome came through the alarm: %s", early[0].Body)
	}
	node.MemoryAlarm(t, false)
	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	engine.once(t, tasks)
	s.checkEmpty(t)
}

// TestChaosSilentBroker has a connection that is dead and does not say so. Both sides find out by their heartbeats.
func TestChaosSilentBroker(t *testing.T) {
	t.Parallel()
	proxy := brokertest.NewProxy(t, brokertest.URL())
	s := newSite(t, brokertest.URL())
	l, engine := s.listen(t), watchEngine(t, "")
	tasks := counts{}
	p := s.start(t, "--lease", "2m", "--amqp", brokertest.WithHost(t, brokertest.URL(), proxy.Host())+"?heartbeat=2")
	task := tasks.add(t, 150)
	s.submit(t, task)
	l.awaitType(t, "task.started", task.MessageId)
	proxy.Blackhole(true)
	for _, connection := range []string{"consumer", "claims", "events", "control"} {
		p.log.await(t, `msg="connection is lost" connection=`+connection, p.ended)
	}
	proxy.Blackhole(false)
	for _, connection := range []string{"consumer", "claims", "events", "control"} {
		p.log.await(t, `msg="connection is back" connection=`+connection, p.ended)
	}
	tasks.await(t, l, 1)
	next := tasks.add(t, 1)
	s.submit(t, next)
	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	engine.once(t, tasks)
	s.checkEmpty(t)
}

// TestChaosQueueDeleted deletes the task queue in the middle of a task, and makes it again.
func TestChaosQueueDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l, engine := s.listen(t), watchEngine(t, "")
	tasks := counts{}
	p := s.start(t, "--capacity", "2")
	task := tasks.add(t, 60)
	s.submit(t, task)
	l.awaitType(t, "task.started", task.MessageId)
	if _, err := brokertest.Channel(t, s.broker).QueueDelete(s.queue, false, false, false); err != nil {
		t.Fatal(err)
	}
	p.log.await(t, "connection is lost", p.ended)
	tasks.await(t, l, 1)
	s.declare(t)
	next := tasks.add(t, 5)
	s.submit(t, next)
	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	engine.once(t, tasks)
	s.checkEmpty(t)
}

// TestChaosCredentialsRevoked changes the worker's password and throws it out in the middle of a task, and takes it back
// later.
func TestChaosCredentialsRevoked(t *testing.T) {
	t.Parallel()
	node := brokertest.StartNode(t)
	node.Ctl(t, "add_user", "worker", "first")
	node.Ctl(t, "set_permissions", "worker", ".*", ".*", ".*")
	s := newSite(t, node.URL)
	l, engine := s.listen(t), watchEngine(t, "")
	tasks := counts{}
	p := s.start(t, "--amqp", "amqp://worker:first@"+brokertest.Host(t, node.URL))
	task := tasks.add(t, sized(100, 600))
	s.submit(t, task)
	l.awaitType(t, "task.started", task.MessageId)

	node.Ctl(t, "change_password", "worker", "second")
	node.Ctl(t, "eval", `[rabbit_networking:close_connection(P, "revoked") || {P, <<"worker">>} <- [{proplists:get_value(pid, C), proplists:get_value(user, C)} || C <- rabbit_networking:connection_info_all([pid, user])]].`)
	p.log.await(t, "username or password not allowed", p.ended)
	if !p.alive() {
		t.Fatal("the worker has ended")
	}
	node.Ctl(t, "change_password", "worker", "first")
	tasks.await(t, l, 1)
	next := tasks.add(t, 1)
	s.submit(t, next)
	tasks.await(t, l, 1)
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	engine.once(t, tasks)
	s.checkEmpty(t)
}
