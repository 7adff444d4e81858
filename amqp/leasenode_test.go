//go:build integration

package amqp

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// testLeasesOnNode does to leases what only a broker of one's own can bear.
func testLeasesOnNode(t *testing.T, n *brokertest.Node) {
	q := brokertest.Queue(t, n.URL, quorum)
	old := LeaseConfig{Queue: q, WorkerID: "old", Lease: time.Minute}
	d, _ := testDialer(t, Config{URLs: []string{n.URL}})
	first := leases(t, d, old) // its queues must not be new when the broker is killed
	stop := start(t, first.Run)
	mustReclaim(t, first)
	stop()

	t.Run("least permissions", func(t *testing.T) { testLeasePermissions(t, n) })
	t.Run("consumer timeout", func(t *testing.T) { testLeaseOutlivesConsumerTimeout(t, n) })
	t.Run("memory alarm", func(t *testing.T) { testLeaseInMemoryAlarm(t, n) })
	t.Run("kill", func(t *testing.T) { testLeasesSurviveKill(t, n, old) })
}

func testLeasePermissions(t *testing.T, n *brokertest.Node) {
	const q = "tasks.least"
	ch := brokertest.Channel(t, n.URL)
	if _, err := ch.QueueDeclare(q, true, false, false, false, quorum); err != nil {
		t.Fatal(err)
	}
	for _, exchange := range []string{DefaultExchange, DefaultControlExchange} {
		if err := ch.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	n.Ctl(t, "add_user", "worker", "hunter2")
	n.Ctl(t, "set_permissions", "worker",
		`^docker-worker\.(claims|lock|ctl)\..+$`,
		`^(amq\.default|docker-worker\.(events|claims\..+|ctl\..+))$`,
		`^(tasks\.least|docker-worker\.(control|(claims|ctl)\..+))$`)
	d, changes := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, "amqp://worker:hunter2@h", brokertest.Host(t, n.URL))}})
	c := leases(t, d, LeaseConfig{Queue: q})
	start(t, c.Run)
	p := NewPublisher(d, PublisherConfig{Declare: true})
	start(t, p.Run)
	control := NewControl(d, ControlConfig{WorkerID: "w"})
	start(t, control.Run)
	changes.await(t, "control", Connected, 1)

	brokertest.Publish(t, n.URL, q, amqp091.Publishing{MessageId: "m", UserId: "guest"})
	m := mustClaim(t, c, 1)
	if err := p.Publish(soon(t), Publishing{RoutingKey: "task.claimed.m"}); err != nil {
		t.Error(err)
	}
	if err := m.Return(soon(t), map[string]any{"attempt": int32(2)}); err != nil {
		t.Fatal(err)
	}
	m = mustClaim(t, c, 2)
	if err := m.Requeue(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := mustClaim(t, c, 2).Ack(soon(t)); err != nil {
		t.Error(err)
	}
}

func testLeaseOutlivesConsumerTimeout(t *testing.T, n *brokertest.Node) {
	n.ConsumerTimeout(t, 2*time.Second)
	defer n.ConsumerTimeout(t, 30*time.Minute)
	d, changes := testDialer(t, Config{URLs: []string{n.URL}})
	q := brokertest.Queue(t, n.URL, quorum)
	brokertest.Publish(t, n.URL, q, numbered(1)...)
	c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Lease: 4 * time.Second})
	start(t, c.Run)
	m := mustClaim(t, c, 1)
	begin := m.Deadline()
	brokertest.Wait(t, patience, "the claim is older than the timeout by far", func() bool {
		return m.Deadline().Sub(begin) > 7*time.Second
	})
	changes.mu.Lock()
	for _, c := range changes.all {
		if c.State == Lost {
			t.Errorf("connection %s was lost: %v", c.Connection, c.Err)
		}
	}
	changes.mu.Unlock()
	if err := m.Ack(soon(t)); err != nil {
		t.Error(err)
	}
}

// testLeaseInMemoryAlarm: the alarm lasts for longer than the lease, nothing can be renewed, and nothing is lost.
func testLeaseInMemoryAlarm(t *testing.T, n *brokertest.Node) {
	const lease = 6 * time.Second
	d, changes := testDialer(t, Config{URLs: []string{n.URL}, Heartbeat: 3 * time.Second})
	q := brokertest.Queue(t, n.URL, quorum)
	brokertest.Publish(t, n.URL, q, numbered(2)...)
	c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Lease: lease})
	start(t, c.Run)
	held := []*Delivery{mustClaim(t, c, 1), mustClaim(t, c, 1)}
	n.MemoryAlarm(t, true)
	changes.await(t, "claims", Blocked, 1)
	over := held[0].Deadline().Add(lease)
	brokertest.Wait(t, patience, "the lease would be over twice", func() bool { return time.Now().After(over) })
	n.MemoryAlarm(t, false)
	changes.await(t, "claims", Unblocked, 1)
	for _, m := range held {
		if err := m.Ack(soon(t)); err != nil {
			t.Errorf("after the alarm: %v", err)
		}
	}
	awaitCount(t, n.URL, q, 0)
	awaitCount(t, n.URL, c.cfg.claimsQueue(), 0)
}

// testLeasesSurviveKill has claims that are renewed without a pause while the broker is killed and comes back.
func testLeasesSurviveKill(t *testing.T, n *brokertest.Node, cfg LeaseConfig) {
	const claims = 20
	d, changes := testDialer(t, Config{URLs: []string{n.URL}})
	c := leases(t, d, cfg)
	c.store.renewEvery = time.Millisecond
	stop := start(t, c.Run)
	brokertest.Publish(t, n.URL, cfg.Queue, numbered(claims)...)
	var held []*Delivery
	for range claims {
		held = append(held, mustClaim(t, c, 1))
	}
	last := held[0].Deadline()
	brokertest.Wait(t, patience, "renewals are under way", func() bool { return held[0].Deadline().After(last.Add(500 * time.Millisecond)) })
	n.Kill()
	n.Start(t)
	changes.await(t, "claims", Connected, 2)
	for _, m := range held {
		select {
		case <-m.Lost():
			t.Errorf("claim %s is lost", m.MessageID)
		default:
		}
	}
	if c.store.healed != 0 {
		t.Errorf("%d claims had to be put back: the broker lost them", c.store.healed)
	}
	if err := held[0].Ack(soon(t)); err != nil {
		t.Error(err)
	}
	stop()
	if err := held[1].Ack(soon(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("ack after the end: %v", err)
	}

	again := leases(t, d, cfg)
	start(t, again.Run)
	got := make(map[string]int)
	for _, m := range mustReclaim(t, again) {
		got[m.MessageID]++
		if err := m.Ack(soon(t)); err != nil {
			t.Error(err)
		}
	}
	want := make(map[string]int)
	for i := range claims {
		if m := held[0].MessageID; m != fmt.Sprint(i) {
			want[fmt.Sprint(i)] = 1
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	awaitCount(t, n.URL, cfg.Queue, 0)
}
