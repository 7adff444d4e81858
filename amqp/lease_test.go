//go:build integration

package amqp

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// bothTypes runs a test with each type of claims queue.
func bothTypes(t *testing.T, test func(t *testing.T, classic bool)) {
	t.Run("quorum", func(t *testing.T) { test(t, false) })
	t.Run("classic", func(t *testing.T) { test(t, true) })
}

// leases makes a consumer whose queues go away with the test.
func leases(t *testing.T, d *Dialer, cfg LeaseConfig) *LeaseConsumer {
	t.Helper()
	setDefault(&cfg.WorkerID, "w")
	setDefault(&cfg.Lease, time.Minute)
	c, err := NewLeaseConsumer(d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	brokertest.DeleteQueue(t, brokertest.URL(), c.cfg.claimsQueue())
	return c
}

func mustReclaim(t *testing.T, c *LeaseConsumer) []*Delivery {
	t.Helper()
	out, err := c.Reclaimed(soon(t))
	if err != nil {
		t.Fatalf("reclaim: %v", err)
	}
	return out
}

func mustClaim(t *testing.T, c *LeaseConsumer, attempt int32) *Delivery {
	t.Helper()
	d := mustReceive(t, c)
	if err := d.Claim(soon(t), map[string]any{"attempt": attempt}); err != nil {
		t.Fatalf("claim: %v", err)
	}
	return d
}

func taskQueue(t *testing.T, classic bool) string {
	t.Helper()
	if classic {
		return brokertest.Queue(t, brokertest.URL(), nil)
	}
	return brokertest.Queue(t, brokertest.URL(), quorum)
}

func TestLeaseIsRenewedUntilItIsSettled(t *testing.T) {
	bothTypes(t, func(t *testing.T, classic bool) {
		d, _ := testDialer(t, Config{})
		q := taskQueue(t, classic)
		c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Lease: time.Second, Classic: classic})
		stop := start(t, c.Run)
		if got := mustReclaim(t, c); len(got) != 0 {
			t.Fatalf("reclaimed %d", len(got))
		}
		brokertest.Publish(t, brokertest.URL(), q, numbered(3)...)
		var held []*Delivery
		for range 3 {
			held = append(held, mustClaim(t, c, 1))
		}
		first := held[0].Deadline()
		brokertest.Wait(t, patience, "the lease is renewed several times over", func() bool {
			return held[0].Deadline().Sub(first) > 3*time.Second
		})
		for _, m := range held {
			select {
			case <-m.Lost():
				t.Fatal("lost")
			default:
			}
			if err := m.Ack(soon(t)); err != nil {
				t.Error(err)
			}
			if err := m.Ack(soon(t)); !errors.Is(err, ErrSettled) {
				t.Errorf("again: %v", err)
			}
		}
		stop()
		awaitCount(t, brokertest.URL(), q, 0)
		awaitCount(t, brokertest.URL(), c.cfg.claimsQueue(), 0)
	})
}

func TestLeaseBeforeClaim(t *testing.T) {
	d, _ := testDialer(t, Config{})
	opts := QueueOptions{Name: brokertest.Name(t)}
	dead := opts.Name + ".dead"
	brokertest.DeleteQueue(t, brokertest.URL(), opts.Name)
	brokertest.DeleteQueue(t, brokertest.URL(), dead)
	brokertest.DeleteExchange(t, brokertest.URL(), dead)
	if err := d.DeclareQueue(soon(t), opts); err != nil {
		t.Fatal(err)
	}
	brokertest.Publish(t, brokertest.URL(), opts.Name, amqp091.Publishing{MessageId: "bad"}, amqp091.Publishing{MessageId: "late"}, amqp091.Publishing{MessageId: "worse"})
	c := leases(t, d, LeaseConfig{Queue: opts.Name, WorkerID: brokertest.Name(t)})
	start(t, c.Run)
	bad := mustReceive(t, c)
	if err := bad.Reject(soon(t)); err != nil {
		t.Fatal(err)
	}
	awaitCount(t, brokertest.URL(), dead, 1)
	late := mustClaim(t, c, 1) // after the claim it takes another trip
	if late.MessageID != "late" {
		t.Fatalf("received %q", late.MessageID)
	}
	if err := late.Reject(soon(t)); err != nil {
		t.Fatal(err)
	}
	worse := mustReceive(t, c)
	if err := worse.Ack(soon(t)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = c.Receive(t.Context()) }() // somebody must be there to meet the marked one
	awaitCount(t, brokertest.URL(), dead, 2)
	awaitCount(t, brokertest.URL(), opts.Name, 0)
}

func TestLeaseGoesBack(t *testing.T) {
	bothTypes(t, func(t *testing.T, classic bool) {
		d, _ := testDialer(t, Config{})
		q := taskQueue(t, classic)
		c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: classic})
		start(t, c.Run)
		brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{MessageId: "m", Priority: 3, Expiration: "60000", UserId: "guest", Headers: amqp091.Table{"mine": "kept"}})
		m := mustClaim(t, c, 1)
		if err := m.Requeue(soon(t)); err != nil {
			t.Fatal(err)
		}
		m = mustReceive(t, c)
		if m.Headers["attempt"] != int32(1) || m.Headers["mine"] != "kept" || m.Headers[claimHeader] != nil {
			t.Errorf("given back: %v", m.Headers)
		}
		if err := m.Claim(soon(t), map[string]any{"attempt": int32(2)}); err != nil {
			t.Fatal(err)
		}
		if err := m.Return(soon(t), map[string]any{"why": "disk"}); err != nil {
			t.Fatal(err)
		}
		m = mustReceive(t, c)
		delete(m.Headers, "x-delivery-count")
		want := map[string]any{"attempt": int32(2), "mine": "kept", "why": "disk"}
		if diff := cmp.Diff(want, m.Headers); diff != "" {
			t.Error(diff)
		}
		if err := m.Requeue(soon(t)); err != nil { // only offered
			t.Fatal(err)
		}
		if err := mustReceive(t, c).Ack(soon(t)); err != nil {
			t.Fatal(err)
		}
		awaitCount(t, brokertest.URL(), q, 0)
		awaitCount(t, brokertest.URL(), c.cfg.claimsQueue(), 0)
	})
}

func TestAnotherLeaseIsRefused(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := taskQueue(t, true)
	cfg := LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: true}
	first := leases(t, d, cfg)
	stop := start(t, first.Run)
	mustReclaim(t, first)
	stop()
	cfg.Lease = 2 * time.Minute
	second := leases(t, d, cfg)
	start(t, second.Run)
	if _, err := second.Reclaimed(soon(t)); !IsInequivalent(err) {
		t.Errorf("another lease: %v", err)
	}
}

func TestNoHoarding(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := taskQueue(t, true)
	c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: true})
	start(t, c.Run)
	mustReclaim(t, c)
	brokertest.Publish(t, brokertest.URL(), q, numbered(10)...)
	for i := range 3 {
		m := mustClaim(t, c, 1)
		if m.Redelivered {
			t.Error("it was requeued before")
		}
		awaitCount(t, brokertest.URL(), q, 9-i) // no receiver waits: nothing more is taken
	}
	if info, err := d.InspectQueue(soon(t), q); err != nil || info.Consumers != 0 {
		t.Errorf("%d consumers, %v", info.Consumers, err)
	}
	if err := c.StopConsuming(soon(t)); err != nil {
		t.Error(err)
	}
	if _, err := c.Receive(soon(t)); !errors.Is(err, ErrDraining) {
		t.Errorf("receive: %v", err)
	}
}

func TestFenceBeforeSomebodyElse(t *testing.T) {
	proxy := brokertest.NewProxy(t, brokertest.URL())
	d, _ := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}, Heartbeat: time.Second, DialTimeout: time.Second})
	direct, _ := testDialer(t, Config{})
	q := taskQueue(t, false)
	cut := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Lease: 6 * time.Second, Margin: time.Second})
	start(t, cut.Run)
	brokertest.Publish(t, brokertest.URL(), q, numbered(2)...)
	m := mustClaim(t, cut, 1)
	// The second one comes when the broker has read the acknowledgement of the first. If that were cut off, the first
	// would be on the queue and claimed: the known window.
	mustReceive(t, cut)
	proxy.Blackhole(true)
	other := leases(t, direct, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t)})
	start(t, other.Run)
	taken := make(chan time.Time, 1)
	go func() {
		for {
			d, err := other.Receive(soon(t))
			if err != nil {
				return
			}
			at := time.Now()
			if err := d.Ack(soon(t)); err != nil {
				t.Error(err)
			}
			if d.MessageID == m.MessageID {
				taken <- at
				return
			}
		}
	}()
	awaitLost(t, m)
	lost := time.Now()
	if err := m.Ack(soon(t)); !errors.Is(err, ErrLost) {
		t.Errorf("ack of a lost claim: %v", err)
	}
	select {
	case at := <-taken:
		if at.Before(lost) {
			t.Errorf("somebody else had it %s before it was lost here", lost.Sub(at))
		}
	case <-soon(t).Done():
		t.Error("nobody else got it")
	}
	proxy.Blackhole(false)
	proxy.Cut()
	brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{MessageId: "next"})
	if err := mustClaim(t, cut, 1).Ack(soon(t)); err != nil { // and life goes on
		t.Error(err)
	}
}

func TestLeaseConfigIsChecked(t *testing.T) {
	d, _ := testDialer(t, Config{})
	for name, cfg := range map[string]LeaseConfig{
		"no queue": {WorkerID: "w"}, "no worker": {Queue: "q"}, "short": {Queue: "q", WorkerID: "w", Lease: time.Millisecond},
		"margin": {Queue: "q", WorkerID: "w", Lease: 10 * time.Second, Margin: 6 * time.Second},
		"names":  {Queue: string(make([]byte, 200)), WorkerID: string(make([]byte, 60))},
	} {
		if _, err := NewLeaseConsumer(d, cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSilentBrokerIsGivenUp(t *testing.T) {
	proxy := brokertest.NewProxy(t, brokertest.URL())
	d, changes := testDialer(t, Config{
		URLs:           []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())},
		ConfirmTimeout: 200 * time.Millisecond, Heartbeat: time.Minute, // so that nothing else can notice
	})
	q := taskQueue(t, true)
	c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: true})
	start(t, c.Run)
	brokertest.Publish(t, brokertest.URL(), q, numbered(1)...)
	m := mustClaim(t, c, 1)
	proxy.Blackhole(true)
	done := make(chan error, 1)
	go func() { done <- m.Ack(soon(t)) }()
	changes.await(t, "claims", Lost, 1)
	proxy.Blackhole(false)
	if err := <-done; err != nil {
		t.Errorf("ack: %v", err)
	}
	awaitCount(t, brokertest.URL(), c.cfg.claimsQueue(), 0)
}

func TestLeaseWaitsForItsQueue(t *testing.T) {
	d, changes := testDialer(t, Config{})
	q := brokertest.Name(t)
	brokertest.DeleteQueue(t, brokertest.URL(), q)
	c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: true})
	start(t, c.Run)
	got := make(chan *Delivery)
	go func() {
		m, err := c.Receive(soon(t))
		if err != nil {
			t.Error(err)
		}
		got <- m
	}()
	if lost := changes.await(t, "consumer", Lost, 2); !IsNoQueue(lost.Err) {
		t.Errorf("without the queue: %v", lost.Err)
	}
	if _, err := brokertest.Channel(t, brokertest.URL()).QueueDeclare(q, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	brokertest.Publish(t, brokertest.URL(), q, numbered(1)...)
	if m := <-got; m != nil {
		if err := m.Claim(soon(t), nil); err != nil {
			t.Error(err)
		}
	}
}
