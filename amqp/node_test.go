//go:build integration

package amqp

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestOwnNode breaks a broker of its own. The parts follow each other, because starting one takes seconds.
func TestOwnNode(t *testing.T) {
	n := brokertest.StartNode(t)
	// RabbitMQ 3.10 forgets queues, bindings and what is in a quorum queue when they were made within the second before a
	// kill -9. So these are old by then.
	q, sink, exchange := brokertest.Queue(t, n.URL, quorum), brokertest.Queue(t, n.URL, quorum), brokertest.Name(t)
	admin := brokertest.Channel(t, n.URL)
	if err := admin.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := admin.QueueBind(sink, "#", exchange, false, nil); err != nil {
		t.Fatal(err)
	}
	t.Run("permissions", func(t *testing.T) { testPermissions(t, n) })
	t.Run("consumer timeout", func(t *testing.T) { testConsumerTimeout(t, n) })
	t.Run("memory alarm", func(t *testing.T) { testMemoryAlarm(t, n) })
	t.Run("leases", func(t *testing.T) { testLeasesOnNode(t, n) })
	t.Run("restart", func(t *testing.T) { testRestart(t, n, q, sink, exchange, n.Stop) })
	t.Run("kill", func(t *testing.T) { testRestart(t, n, q, sink, exchange, func(testing.TB) { n.Kill() }) })
}

func testPermissions(t *testing.T, n *brokertest.Node) {
	exchange := brokertest.Name(t)
	listen(t, n.URL, exchange, "#")
	q := brokertest.Queue(t, n.URL, nil)
	n.Ctl(t, "add_user", "weak", "hunter2")
	n.Ctl(t, "set_permissions", "weak", "^$", "^"+exchange+"$", "^$")
	d, changes := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, "amqp://weak:hunter2@h", brokertest.Host(t, n.URL))}})

	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	if lost := changes.await(t, "consumer", Lost, 1); !IsAccessRefused(lost.Err) {
		t.Errorf("without read permission: %v", lost.Err)
	}
	n.Ctl(t, "set_permissions", "weak", "^$", "^"+exchange+"$", "^"+q+"$")
	changes.await(t, "consumer", Connected, 1)

	// No permission to publish to queues: the attempt cannot be counted, the message goes back all the same.
	brokertest.Publish(t, n.URL, q, amqp091.Publishing{MessageId: "m"})
	for range 2 {
		if err := mustReceive(t, c).Return(soon(t), map[string]any{"attempt": int32(2)}); err != nil {
			t.Fatal(err)
		}
	}
	m := mustReceive(t, c)
	if !m.Redelivered || m.Headers["attempt"] != nil {
		t.Errorf("redelivered %v, headers %v", m.Redelivered, m.Headers)
	}
	if err := m.Ack(soon(t)); err != nil {
		t.Error(err)
	}

	// The exchange may be used and not be declared; replies are refused, events go on.
	p := NewPublisher(d, PublisherConfig{Exchange: exchange, Declare: true})
	start(t, p.Run)
	for range 3 {
		if err := p.Publish(soon(t), Publishing{RoutingKey: "x"}, Publishing{ReplyTo: q}); err != nil {
			t.Error(err)
		}
	}
	s := newTestSubmitter(t, d)
	if err := s.Submit(soon(t), q, Publishing{}); !IsAccessRefused(err) {
		t.Errorf("submit: %v, want access refused", err)
	}
}

func testConsumerTimeout(t *testing.T, n *brokertest.Node) {
	n.ConsumerTimeout(t, 2*time.Second)
	defer n.ConsumerTimeout(t, 30*time.Minute)
	d, changes := testDialer(t, Config{URLs: []string{n.URL}})
	q := brokertest.Queue(t, n.URL, quorum)
	brokertest.Publish(t, n.URL, q, amqp091.Publishing{})
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	m := mustReceive(t, c)
	awaitLost(t, m)
	if lost := changes.await(t, "consumer", Lost, 1); replyCode(lost.Err) != amqp091.PreconditionFailed {
		t.Errorf("told %v, want 406", lost.Err)
	}
	if err := m.Ack(soon(t)); !errors.Is(err, ErrLost) {
		t.Errorf("ack: %v, want ErrLost", err)
	}
	again := mustReceive(t, c)
	if again.DeliveryCount != 1 {
		t.Errorf("delivery count %d", again.DeliveryCount)
	}
	if err := again.Ack(soon(t)); err != nil {
		t.Error(err)
	}
}

func testMemoryAlarm(t *testing.T, n *brokertest.Node) {
	exchange := brokertest.Name(t)
	listen(t, n.URL, exchange, "#")
	q := brokertest.Queue(t, n.URL, nil)
	brokertest.Publish(t, n.URL, q, numbered(3)...)
	d, changes := testDialer(t, Config{URLs: []string{n.URL}, Heartbeat: time.Second})
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	held := mustReceive(t, c)
	p := NewPublisher(d, PublisherConfig{Exchange: exchange})
	start(t, p.Run)
	leaving := NewPublisher(d, PublisherConfig{Exchange: exchange})
	stopLeaving := start(t, leaving.Run)
	for _, p := range []*Publisher{p, leaving} {
		if err := p.Publish(soon(t), Publishing{RoutingKey: "before"}); err != nil {
			t.Fatal(err)
		}
	}

	n.MemoryAlarm(t, true)
	var flood []Publishing
	for range 200 { // more than all the buffers hold, so that a write hangs
		flood = append(flood, Publishing{RoutingKey: "x", Body: make([]byte, 128<<10)})
	}
	done := make(chan error, 2)
	go func() { done <- p.Publish(soon(t), flood...) }()
	go func() { done <- leaving.Publish(soon(t), flood...) }()
	if b := changes.await(t, "events", Blocked, 2); b.Reason == "" {
		t.Error("blocked without a reason")
	}

	// Neither a caller nor the end hangs.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	if err := p.Publish(ctx, flood[0]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publish while blocked: %v", err)
	}
	cancel()
	begin := time.Now()
	stopLeaving()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Run took %s to end", took)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("publish at the end: %v, want ErrClosed", err)
	}

	// The consumer does not notice.
	if err := held.Ack(soon(t)); err != nil {
		t.Error(err)
	}
	if err := mustReceive(t, c).Ack(soon(t)); err != nil {
		t.Error(err)
	}

	n.MemoryAlarm(t, false)
	if err := <-done; err != nil {
		t.Errorf("publish after the alarm: %v", err)
	}
	changes.await(t, "events", Unblocked, 1)
	if _, err := c.Receive(soon(t)); err != nil {
		t.Error(err)
	}
}

// testRestart has events under way and a message held while the broker goes away and comes back.
func testRestart(t *testing.T, n *brokertest.Node, q, sink, exchange string, end func(testing.TB)) {
	// A message that the broker forgets to confirm, because its queue has no leader yet, must not use up our patience.
	d, changes := testDialer(t, Config{URLs: []string{n.URL}, ConfirmTimeout: 3 * time.Second})
	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	p := NewPublisher(d, PublisherConfig{Exchange: exchange, OnReturn: func(Publishing) { t.Error("the broker has forgotten the binding") }})
	start(t, p.Run)
	brokertest.Publish(t, n.URL, q, amqp091.Publishing{MessageId: "task"})
	held := mustReceive(t, c)

	confirmed := make(chan int, 1)
	enough, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		i := 0
		for enough.Err() == nil {
			if err := p.Publish(soon(t), Publishing{RoutingKey: "e", MessageID: fmt.Sprint(i), Mandatory: true}); err != nil {
				t.Error(err)
				break
			}
			i++
		}
		confirmed <- i
	}()
	changes.await(t, "events", Connected, 1)
	end(t)
	awaitLost(t, held)
	changes.await(t, "events", Lost, 1)
	n.Start(t)
	changes.await(t, "events", Connected, 2)
	again := mustReceive(t, c)
	if again.MessageID != "task" || !again.Redelivered {
		t.Errorf("received %q, redelivered %v", again.MessageID, again.Redelivered)
	}
	if err := again.Ack(soon(t)); err != nil {
		t.Error(err)
	}
	stop()
	total := <-confirmed

	seen := make(map[string]bool)
	reader := NewConsumer(d, ConsumerConfig{Queue: sink, Prefetch: 100})
	start(t, reader.Run)
	for len(seen) < total {
		m := mustReceive(t, reader)
		seen[m.MessageID] = true
		if err := m.Ack(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d confirmed events, all there", total)
}
