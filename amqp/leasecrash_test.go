//go:build integration

package amqp

import (
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// A worker dies when the copy of a message is in its claims queue and the original is not acknowledged yet. The next one
// under its id has the message once.
func TestCrashBetweenCopyAndAcknowledgement(t *testing.T) {
	bothTypes(t, func(t *testing.T, classic bool) {
		proxy := brokertest.NewProxy(t, brokertest.URL())
		d, _ := testDialer(t, Config{
			URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
		})
		q := taskQueue(t, classic)
		cfg := LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: classic}
		first := leases(t, d, cfg)
		stop := start(t, first.Run)
		brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{MessageId: "m", Body: []byte("this"), Headers: amqp091.Table{"mine": "kept"}})
		copyAlone(t, mustReceive(t, first))
		proxy.Refuse(true)
		proxy.Cut()
		stop()
		awaitCount(t, brokertest.URL(), q, 1)
		awaitCount(t, brokertest.URL(), first.cfg.claimsQueue(), 1)
		proxy.Refuse(false)

		second := leases(t, d, cfg)
		start(t, second.Run)
		var claims []*Delivery
		brokertest.Wait(t, patience, "the broker has noticed the death", func() bool {
			var err error
			claims, err = second.Reclaimed(soon(t))
			return !IsLocked(err)
		})
		if len(claims) != 1 || claims[0].MessageID != "m" || claims[0].Headers["attempt"] != int32(1) {
			t.Fatalf("reclaimed %v, want the one message", claims)
		}
		// The original is passed over; what comes behind it is not, even under the same id.
		brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{MessageId: "m", Body: []byte("that")})
		next := mustClaim(t, second, 1)
		if string(next.Body) != "that" {
			t.Errorf("received %q again, which is claimed", next.Body)
		}
		for _, m := range append(claims, next) {
			if err := m.Ack(soon(t)); err != nil {
				t.Error(err)
			}
		}
		awaitCount(t, brokertest.URL(), q, 0)
		awaitCount(t, brokertest.URL(), second.cfg.claimsQueue(), 0)
	})
}

// The same id sent twice, or a message that was given back, is not the original of a claim.
func TestOnlyTheVeryMessageIsTheOriginalOfAClaim(t *testing.T) {
	when := time.Unix(1700000000, 0)
	original := amqp091.Delivery{Redelivered: true, MessageId: "m", CorrelationId: "c", ReplyTo: "r", Timestamp: when, Body: []byte("b")}
	for name, test := range map[string]struct {
		change func(*lease, *amqp091.Delivery)
		want   bool
	}{
		"the very message":           {func(*lease, *amqp091.Delivery) {}, true},
		"never delivered before":     {func(_ *lease, d *amqp091.Delivery) { d.Redelivered = false }, false},
		"another body":               {func(_ *lease, d *amqp091.Delivery) { d.Body = []byte("x") }, false},
		"another id":                 {func(_ *lease, d *amqp091.Delivery) { d.MessageId = "n" }, false},
		"another asker":              {func(_ *lease, d *amqp091.Delivery) { d.CorrelationId = "x" }, false},
		"without an id":              {func(l *lease, d *amqp091.Delivery) { l.msg.MessageId, d.MessageId = "", "" }, false},
		"the claim is not safe yet":  {func(l *lease, _ *amqp091.Delivery) { l.isTaken = false }, false},
		"the claim is being settled": {func(l *lease, _ *amqp091.Delivery) { l.want = &settlement{kind: settleCopy} }, false},
		"what the claim gave back":   {func(_ *lease, d *amqp091.Delivery) { d.Headers = amqp091.Table{claimHeader: "id"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			raw := original
			l := &lease{id: "id", isTaken: true, msg: amqp091.Publishing{MessageId: "m", CorrelationId: "c", ReplyTo: "r", Timestamp: when, Body: []byte("b")}}
			test.change(l, &raw)
			s := &claimStore{leases: map[string]*lease{"id": l}}
			if got := s.isOriginal(raw); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// copyAlone is the first half of a claim.
func copyAlone(t *testing.T, d *Delivery) {
	t.Helper()
	c := d.claim.(*leaseClaim)
	l := &lease{id: "half", msg: copyOf(*c.message, map[string]any{"attempt": int32(1)}), claim: c, taken: make(chan struct{})}
	if err := c.store.add(l); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.taken:
	case <-soon(t).Done():
		t.Fatal("the copy does not come")
	}
}
