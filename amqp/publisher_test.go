//go:build integration

package amqp

import (
	"bytes"
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

// listen binds a queue to the exchange and returns what arrives there, in order.
func listen(t *testing.T, url, exchange, key string) <-chan amqp091.Delivery {
	t.Helper()
	ch := brokertest.Channel(t, url)
	if err := ch.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	brokertest.DeleteExchange(t, url, exchange)
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind(q.Name, key, exchange, false, nil); err != nil {
		t.Fatal(err)
	}
	out, err := ch.Consume(q.Name, "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func take(t *testing.T, in <-chan amqp091.Delivery) amqp091.Delivery {
	t.Helper()
	select {
	case d, ok := <-in:
		if !ok {
			t.Fatal("the listener was cut off")
		}
		return d
	case <-soon(t).Done():
		t.Fatal("nothing arrives")
		return amqp091.Delivery{}
	}
}

func TestPublish(t *testing.T) {
	d, _ := testDialer(t, Config{})
	exchange := brokertest.Name(t)
	in := listen(t, brokertest.URL(), exchange, "task.#")
	p := NewPublisher(d, PublisherConfig{Exchange: exchange})
	start(t, p.Run)
	when := time.Unix(1700000000, 0).UTC()
	if err := p.Publish(soon(t), Publishing{
		RoutingKey: "task.log.1", Type: "task.log", MessageID: "1/1/1", CorrelationID: "1", AppID: "w", ContentType: "text/plain",
		Timestamp: when, Headers: map[string]any{"offset": int64(7)}, Body: []byte("x"), ResponseTo: "answers", Priority: 2,
	}); err != nil {
		t.Fatal(err)
	}
	got := take(t, in)
	m := newMessage(got)
	m.Timestamp = m.Timestamp.UTC()
	want := Message{
		RoutingKey: "task.log.1", Type: "task.log", MessageID: "1/1/1", CorrelationID: "1", AppID: "w", ContentType: "text/plain",
		Timestamp: when, Headers: map[string]any{"offset": int64(7)}, Body: []byte("x"), ReplyTo: "answers", Priority: 2,
	}
	if diff := cmp.Diff(want, m, cmp.AllowUnexported(Message{})); diff != "" {
		t.Error(diff)
	}
	if got.DeliveryMode != amqp091.Persistent {
		t.Errorf("delivery mode %d", got.DeliveryMode)
	}
}

func TestPublishDeclaresItsExchange(t *testing.T) {
	exchange := brokertest.Name(t)
	brokertest.DeleteExchange(t, brokertest.URL(), exchange)
	d, changes := testDialer(t, Config{})
	strict := NewPublisher(d, PublisherConfig{Exchange: exchange})
	start(t, strict.Run)
	lost := changes.await(t, "events", Lost, 2) // it tries again
	if !IsNoExchange(lost.Err) {
		t.Errorf("without the exchange: %v", lost.Err)
	}
	p := NewPublisher(d, PublisherConfig{Exchange: exchange, Declare: true})
	start(t, p.Run)
	if err := p.Publish(soon(t), Publishing{RoutingKey: "x"}); err != nil {
		t.Error(err)
	}
	if err := strict.Publish(soon(t), Publishing{RoutingKey: "x"}); err != nil {
		t.Errorf("after the exchange was made: %v", err)
	}
}

func TestPublishUsesAnExchangeThatDiffers(t *testing.T) {
	exchange := brokertest.Name(t)
	if err := brokertest.Channel(t, brokertest.URL()).ExchangeDeclare(exchange, "fanout", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	brokertest.DeleteExchange(t, brokertest.URL(), exchange)
	d, _ := testDialer(t, Config{})
	p := NewPublisher(d, PublisherConfig{Exchange: exchange, Declare: true})
	start(t, p.Run)
	if err := p.Publish(soon(t), Publishing{RoutingKey: "x"}); err != nil {
		t.Error(err)
	}
}

func TestMandatoryReturnIsToldAndIsNoError(t *testing.T) {
	d, _ := testDialer(t, Config{})
	exchange := brokertest.Name(t)
	in := listen(t, brokertest.URL(), exchange, "heard")
	var mu sync.Mutex
	var returned []string
	p := NewPublisher(d, PublisherConfig{Exchange: exchange, OnReturn: func(m Publishing) {
		mu.Lock()
		defer mu.Unlock()
		returned = append(returned, m.MessageID)
	}})
	start(t, p.Run)
	var msgs []Publishing
	var want []string
	for i := range 300 { // more than a window, some heard, some not mandatory
		m := Publishing{RoutingKey: "unheard", MessageID: fmt.Sprint(i), Mandatory: i%3 != 0}
		if i%5 == 0 {
			m.RoutingKey = "heard"
		} else if m.Mandatory {
			want = append(want, m.MessageID)
		}
		msgs = append(msgs, m)
	}
	if err := p.Publish(soon(t), msgs...); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, returned); diff != "" {
		t.Error(diff)
	}
	take(t, in)
}

// TestPublishSurvivesCuts: whatever happens to the connection, each caller's messages arrive in order and none is missing.
func TestPublishSurvivesCuts(t *testing.T) {
	const callers, each = 4, 150
	proxy := brokertest.NewProxy(t, brokertest.URL())
	d, changes := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}})
	exchange := brokertest.Name(t)
	in := listen(t, brokertest.URL(), exchange, "#")
	p := NewPublisher(d, PublisherConfig{Exchange: exchange})
	start(t, p.Run)

	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := 0; i < each; i += 3 {
				var msgs []Publishing
				for j := i; j < i+3; j++ {
					msgs = append(msgs, Publishing{RoutingKey: fmt.Sprint(c), MessageID: fmt.Sprint(j), Body: make([]byte, 10_000)})
				}
				if err := p.Publish(soon(t), msgs...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	next := make(map[string]int)
	repeated, arrived := 0, 0
	for arrived < callers*each {
		m := take(t, in)
		var i int
		if _, err := fmt.Sscan(m.MessageId, &i); err != nil {
			t.Fatal(err)
		}
		switch {
		case i > next[m.RoutingKey]:
			t.Fatalf("caller %s: message %d came before %d", m.RoutingKey, i, next[m.RoutingKey])
		case i < next[m.RoutingKey]:
			repeated++
		default:
			next[m.RoutingKey]++
			if arrived++; arrived%60 == 0 {
				proxy.Cut()
			}
		}
	}
	<-done
	changes.await(t, "events", Lost, 1)
	t.Logf("%d connections, %d messages came again", proxy.Connections(), repeated)
}

func TestOversizedMessageFailsAlone(t *testing.T) {
	// RabbitMQ's greatest limit is 128 MiB; a lower one needs a broker of our own, see TestOwnNode.
	d, _ := testDialer(t, Config{})
	exchange := brokertest.Name(t)
	in := listen(t, brokertest.URL(), exchange, "#")
	p := NewPublisher(d, PublisherConfig{Exchange: exchange})
	start(t, p.Run)
	big := make([]byte, 128<<20+1)
	errs := make(chan error, 1)
	go func() { errs <- p.Publish(soon(t), Publishing{RoutingKey: "big", Body: big}) }()
	if err := p.Publish(soon(t), Publishing{RoutingKey: "small"}); err != nil {
		t.Error(err)
	}
	if err := <-errs; replyCode(err) != amqp091.PreconditionFailed {
		t.Errorf("oversized: %v, want 406", err)
	}
	if err := p.Publish(soon(t), Publishing{RoutingKey: "after"}); err != nil {
		t.Error(err)
	}
	for m := take(t, in); m.RoutingKey != "after"; m = take(t, in) {
		if m.RoutingKey == "big" {
			t.Error("it was accepted")
		}
	}
}

func TestImpossibleMessagesAreRefusedHere(t *testing.T) {
	d, _ := testDialer(t, Config{})
	p := NewPublisher(d, PublisherConfig{})
	long := string(bytes.Repeat([]byte("x"), 256))
	for name, m := range map[string]Publishing{
		"routing key": {RoutingKey: long}, "message id": {MessageID: long}, "reply": {ReplyTo: long},
		"header name": {Headers: map[string]any{long: 1}}, "header type": {Headers: map[string]any{"x": struct{}{}}},
	} {
		if err := p.Publish(soon(t), m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRepliesNeverStopTheEvents(t *testing.T) {
	d, _ := testDialer(t, Config{})
	exchange := brokertest.Name(t)
	in := listen(t, brokertest.URL(), exchange, "#")
	reply := brokertest.Queue(t, brokertest.URL(), nil)
	full := brokertest.Queue(t, brokertest.URL(), amqp091.Table{"x-max-length": 0, "x-overflow": "reject-publish"})
	p := NewPublisher(d, PublisherConfig{Exchange: exchange})
	start(t, p.Run)
	for i := range 20 {
		if err := p.Publish(soon(t),
			Publishing{RoutingKey: "e", MessageID: fmt.Sprint(i)},
			Publishing{ReplyTo: "no-such-queue", Mandatory: true},
			Publishing{ReplyTo: "no-such-queue"},
			Publishing{ReplyTo: full},
			// Only a channel that consumes may name this one: the broker closes the channel, 406.
			Publishing{ReplyTo: reply, ResponseTo: "amq.rabbitmq.reply-to"},
			Publishing{ReplyTo: reply, MessageID: fmt.Sprint(i), CorrelationID: "theirs"},
		); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		if m := take(t, in); m.MessageId != fmt.Sprint(i) {
			t.Errorf("event %s, want %d", m.MessageId, i)
		}
	}
	awaitCount(t, brokertest.URL(), reply, 20)
}

func TestPublishEndsWithItsContext(t *testing.T) {
	proxy := brokertest.NewProxy(t, brokertest.URL())
	proxy.Blackhole(true)
	d, _ := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}})
	p := NewPublisher(d, PublisherConfig{})
	stop := start(t, p.Run)
	why := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
	defer cancel()
	if err := p.Publish(ctx, Publishing{RoutingKey: "x"}); !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
	errs := make(chan error, 1)
	go func() { errs <- p.Publish(soon(t), Publishing{RoutingKey: "x"}) }()
	stop()
	if err := <-errs; !errors.Is(err, ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
	if err := p.Publish(soon(t), Publishing{RoutingKey: "x"}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Run: %v, want ErrClosed", err)
	}
}

func TestUnconfirmedMessageIsSentAgain(t *testing.T) {
	proxy := brokertest.NewProxy(t, brokertest.URL())
	d, changes := testDialer(t, Config{
		URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}, ConfirmTimeout: 100 * time.Millisecond,
		Heartbeat: time.Minute, // so that nothing else can notice
	})
	exchange := brokertest.Name(t)
	in := listen(t, brokertest.URL(), exchange, "#")
	p := NewPublisher(d, PublisherConfig{Exchange: exchange})
	start(t, p.Run)
	changes.await(t, "events", Connected, 1)
	proxy.Blackhole(true)
	done := make(chan error, 1)
	go func() { done <- p.Publish(soon(t), Publishing{RoutingKey: "x"}) }()
	changes.await(t, "events", Lost, 1)
	proxy.Blackhole(false)
	if err := <-done; err != nil {
		t.Error(err)
	}
	take(t, in)
}
