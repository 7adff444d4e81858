//go:build integration

package amqp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

var quorum = amqp091.Table{amqp091.QueueTypeArg: amqp091.QueueTypeQuorum}

func numbered(n int) []amqp091.Publishing {
	var out []amqp091.Publishing
	for i := range n {
		out = append(out, amqp091.Publishing{MessageId: fmt.Sprint(i)})
	}
	return out
}

func TestReceiveGivesEverythingOnce(t *testing.T) {
	for name, args := range map[string]amqp091.Table{"classic": nil, "quorum": quorum} {
		t.Run(name, func(t *testing.T) {
			const n = 200
			d, _ := testDialer(t, Config{})
			q := brokertest.Queue(t, brokertest.URL(), args)
			brokertest.Publish(t, brokertest.URL(), q, numbered(n)...)
			c := NewConsumer(d, ConsumerConfig{Queue: q, Prefetch: 4})
			stop := start(t, c.Run)

			ctx, cancel := context.WithCancel(soon(t))
			defer cancel()
			var mu sync.Mutex
			got := make(map[string]int)
			var slots sync.WaitGroup
			for range 4 {
				slots.Go(func() {
					for {
						m, err := c.Receive(ctx)
						if err != nil {
							return
						}
						if err := m.Ack(ctx); err != nil {
							t.Error(err)
						}
						mu.Lock()
						got[m.MessageID]++
						if len(got) == n {
							cancel()
						}
						mu.Unlock()
					}
				})
			}
			slots.Wait()
			for i := range n {
				if got[fmt.Sprint(i)] != 1 {
					t.Errorf("message %d came %d times", i, got[fmt.Sprint(i)])
				}
			}
			stop()
			awaitCount(t, brokertest.URL(), q, 0)
		})
	}
}

func TestDeliveryHasTheProperties(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := brokertest.Queue(t, brokertest.URL(), quorum)
	when := time.Unix(1700000000, 0).UTC()
	brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{
		Headers: amqp091.Table{"k": "v"}, ContentType: "application/json", Priority: 3, CorrelationId: "c", ReplyTo: "r",
		Expiration: "60000", MessageId: "m", Timestamp: when, Type: "t", AppId: "a", Body: []byte("{}"),
	})
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	m := mustReceive(t, c)
	delete(m.Headers, "x-delivery-count") // 3.10 sends 0, 4.0 nothing
	m.Timestamp = m.Timestamp.UTC()
	want := Message{
		Headers: map[string]any{"k": "v"}, ContentType: "application/json", Priority: 3, CorrelationID: "c", ReplyTo: "r",
		Expiration: "60000", MessageID: "m", Timestamp: when, Type: "t", AppID: "a", Body: []byte("{}"), RoutingKey: q,
	}
	if diff := cmp.Diff(want, m.Message, cmp.AllowUnexported(Message{})); diff != "" {
		t.Error(diff)
	}
	if m.Queue != q || m.DeliveryCount != 0 {
		t.Errorf("queue %q, delivery count %d", m.Queue, m.DeliveryCount)
	}
	if err := m.Requeue(soon(t)); err != nil {
		t.Fatal(err)
	}
	again := mustReceive(t, c)
	if !again.Redelivered || again.DeliveryCount != 1 {
		t.Errorf("after requeue: redelivered %v, delivery count %d", again.Redelivered, again.DeliveryCount)
	}
}

func TestSettleOnce(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	brokertest.Publish(t, brokertest.URL(), q, numbered(2)...)
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	m := mustReceive(t, c)
	if err := m.Ack(soon(t)); err != nil {
		t.Fatal(err)
	}
	for what, settle := range map[string]func(context.Context) error{
		"ack": m.Ack, "reject": m.Reject, "requeue": m.Requeue,
		"return": func(ctx context.Context) error { return m.Return(ctx, nil) },
		"claim":  func(ctx context.Context) error { return m.Claim(ctx, nil) },
	} {
		if err := settle(soon(t)); !errors.Is(err, ErrSettled) {
			t.Errorf("%s: %v, want ErrSettled", what, err)
		}
	}
	mustReceive(t, c) // and the channel has survived it
}

func TestPrefetchBoundsWhatIsHeld(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	brokertest.Publish(t, brokertest.URL(), q, numbered(5)...)
	c := NewConsumer(d, ConsumerConfig{Queue: q, Prefetch: 2})
	start(t, c.Run)
	mustReceive(t, c)
	mustReceive(t, c)
	awaitCount(t, brokertest.URL(), q, 3)
}

func TestReturnCountsAttempts(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := brokertest.Queue(t, brokertest.URL(), quorum)
	other := brokertest.Queue(t, brokertest.URL(), nil)
	brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{
		MessageId: "m", Priority: 4, Expiration: "60000", Headers: amqp091.Table{"mine": "kept", "CC": []any{other}},
		UserId: "guest", Body: []byte("b"),
	})
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	for attempt := range int32(3) {
		if err := mustReceive(t, c).Return(soon(t), map[string]any{"attempt": attempt}); err != nil {
			t.Fatal(err)
		}
	}
	again := mustReceive(t, c)
	delete(again.Headers, "x-delivery-count")
	if diff := cmp.Diff(map[string]any{"mine": "kept", "attempt": int32(2)}, again.Headers); diff != "" {
		t.Error(diff)
	}
	if again.Priority != 4 || again.Expiration != "60000" || again.MessageID != "m" || string(again.Body) != "b" {
		t.Errorf("copy: %+v", again.Message)
	}
	if err := again.Ack(soon(t)); err != nil {
		t.Error(err)
	}
	awaitCount(t, brokertest.URL(), q, 0)
	awaitCount(t, brokertest.URL(), other, 1) // what the producer sent there, and no copy of ours
}

func TestStopConsuming(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	brokertest.Publish(t, brokertest.URL(), q, numbered(10)...)
	c := NewConsumer(d, ConsumerConfig{Queue: q, Prefetch: 5})
	stop := start(t, c.Run)
	held := mustReceive(t, c)
	if err := c.StopConsuming(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Receive(soon(t)); !errors.Is(err, ErrDraining) {
		t.Errorf("receive: %v, want ErrDraining", err)
	}
	awaitCount(t, brokertest.URL(), q, 9) // four were delivered and not received
	if info, err := d.InspectQueue(soon(t), q); err != nil || info.Consumers != 0 {
		t.Errorf("consumers %d, %v", info.Consumers, err)
	}
	if err := held.Ack(soon(t)); err != nil {
		t.Errorf("ack while draining: %v", err)
	}
	stop()
	awaitCount(t, brokertest.URL(), q, 9)
	if err := c.StopConsuming(soon(t)); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestRunGivesBackWhatNobodyReceived(t *testing.T) {
	d, changes := testDialer(t, Config{})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	brokertest.Publish(t, brokertest.URL(), q, numbered(3)...)
	c := NewConsumer(d, ConsumerConfig{Queue: q, Prefetch: 3})
	stop := start(t, c.Run)
	changes.await(t, "consumer", Connected, 1)
	m := mustReceive(t, c)
	stop()
	awaitLost(t, m)
	awaitCount(t, brokertest.URL(), q, 3)
	if _, err := c.Receive(soon(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("receive: %v, want ErrClosed", err)
	}
}

func TestOldGenerationSettlesNothing(t *testing.T) {
	p := brokertest.NewProxy(t, brokertest.URL())
	d, changes := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, brokertest.URL(), p.Host())}})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{MessageId: "a"})
	old := mustReceive(t, c)
	p.Cut()
	awaitLost(t, old)
	fresh := mustReceive(t, c) // the same message, and the same delivery tag: 1
	for what, settle := range map[string]func(context.Context) error{
		"ack": old.Ack, "reject": old.Reject, "requeue": old.Requeue,
		"return": func(ctx context.Context) error { return old.Return(ctx, nil) },
	} {
		if err := settle(soon(t)); !errors.Is(err, ErrLost) {
			t.Errorf("%s: %v, want ErrLost", what, err)
		}
	}
	p.Cut() // if one of them had settled the fresh one, it would not come back
	awaitLost(t, fresh)
	if err := mustReceive(t, c).Ack(soon(t)); err != nil {
		t.Error(err)
	}
	lost := changes.await(t, "consumer", Lost, 1)
	if lost.Err == nil || lost.Retry <= 0 {
		t.Errorf("change %+v has no error or no retry", lost)
	}
	if back := changes.await(t, "consumer", Connected, 2); back.Outage <= 0 {
		t.Errorf("change %+v has no outage", back)
	}
}

func TestQueueDeletedAndMadeAgain(t *testing.T) {
	for name, args := range map[string]amqp091.Table{"classic": nil, "quorum": quorum} {
		t.Run(name, func(t *testing.T) {
			d, changes := testDialer(t, Config{})
			q := brokertest.Queue(t, brokertest.URL(), args)
			brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{})
			c := NewConsumer(d, ConsumerConfig{Queue: q})
			start(t, c.Run)
			held := mustReceive(t, c)
			ch := brokertest.Channel(t, brokertest.URL())
			if _, err := ch.QueueDelete(q, false, false, false); err != nil {
				t.Fatal(err)
			}
			awaitLost(t, held)
			brokertest.Wait(t, patience, "the absence of the queue is told", func() bool {
				changes.mu.Lock()
				defer changes.mu.Unlock()
				for _, c := range changes.all {
					if IsNoQueue(c.Err) {
						return true
					}
				}
				return false
			})
			if _, err := ch.QueueDeclare(q, true, false, false, false, args); err != nil {
				t.Fatal(err)
			}
			brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{MessageId: "new"})
			if m := mustReceive(t, c); m.MessageID != "new" {
				t.Errorf("received %q", m.MessageID)
			}
		})
	}
}

func TestConsumerEndsInABlackHole(t *testing.T) {
	p := brokertest.NewProxy(t, brokertest.URL())
	d, changes := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, brokertest.URL(), p.Host())}, Heartbeat: time.Second})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	stop := start(t, c.Run)
	changes.await(t, "consumer", Connected, 1)
	p.Blackhole(true)
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Run took %s to end", took)
	}
}

func TestHalfOpenConnectionIsNoticed(t *testing.T) {
	p := brokertest.NewProxy(t, brokertest.URL())
	d, changes := testDialer(t, Config{
		URLs: []string{brokertest.WithHost(t, brokertest.URL(), p.Host())}, Heartbeat: time.Second, DialTimeout: time.Second,
	})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{})
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	m := mustReceive(t, c)
	p.Blackhole(true)
	awaitLost(t, m) // three heartbeats
	p.Cut()
	p.Blackhole(false)
	changes.await(t, "consumer", Connected, 2)
	if err := mustReceive(t, c).Ack(soon(t)); err != nil {
		t.Error(err)
	}
}
