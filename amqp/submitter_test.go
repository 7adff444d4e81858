//go:build integration

package amqp

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func newTestSubmitter(t *testing.T, d *Dialer) *Submitter {
	t.Helper()
	s, err := NewSubmitter(soon(t), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestSubmitAndFollow(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	s := newTestSubmitter(t, d)
	replies, err := s.Listen(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Submit(soon(t), q, Publishing{MessageID: "m", ResponseTo: replies, CorrelationID: "c", Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}

	c := NewConsumer(d, ConsumerConfig{Queue: q})
	start(t, c.Run)
	m := mustReceive(t, c)
	if m.MessageID != "m" || m.ReplyTo != replies || string(m.Body) != "{}" {
		t.Errorf("received %+v", m.Message)
	}
	p := NewPublisher(d, PublisherConfig{Exchange: "amq.topic"})
	start(t, p.Run)
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint(i))
		if err := p.Publish(soon(t), Publishing{ReplyTo: m.ReplyTo, CorrelationID: m.CorrelationID, MessageID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for m, err := range s.Follow(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, m.MessageID); len(got) == len(want) {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.Close()
	awaitCount(t, brokertest.URL(), replies, -1)
	if err := m.Ack(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestSubmitErrors(t *testing.T) {
	d, _ := testDialer(t, Config{})
	s := newTestSubmitter(t, d)
	err := s.Submit(soon(t), "no-such-queue", Publishing{})
	if !errors.Is(err, ErrUnroutable) || !IsNoQueue(err) {
		t.Errorf("absent queue: %v", err)
	}
	full := brokertest.Queue(t, brokertest.URL(), amqp091.Table{"x-max-length": 0, "x-overflow": "reject-publish"})
	if err := s.Submit(soon(t), full, Publishing{}); !errors.Is(err, ErrNacked) {
		t.Errorf("full queue: %v", err)
	}
	if err := s.Submit(soon(t), full, Publishing{ResponseTo: "amq.rabbitmq.reply-to"}); replyCode(err) != amqp091.PreconditionFailed {
		t.Errorf("channel closed: %v", err)
	}
	// and it still works
	q := brokertest.Queue(t, brokertest.URL(), nil)
	if err := s.Submit(soon(t), q, Publishing{}); err != nil {
		t.Error(err)
	}
	for _, err := range s.Follow(soon(t)) {
		if err == nil {
			t.Error("follow without listen")
		}
	}
}

func TestFollowSaysThatTheConnectionBroke(t *testing.T) {
	proxy := brokertest.NewProxy(t, brokertest.URL())
	d, _ := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}})
	s := newTestSubmitter(t, d)
	if _, err := s.Listen(soon(t)); err != nil {
		t.Fatal(err)
	}
	proxy.Cut()
	var last error
	for _, err := range s.Follow(soon(t)) {
		last = err
	}
	var e *Error
	if !errors.As(last, &e) || e.Op != "follow replies" {
		t.Errorf("follow: %v", last)
	}
	if err := s.Submit(soon(t), "q", Publishing{}); err == nil {
		t.Error("submitted over a broken connection")
	}
}

func TestFollowSaysThatItsQueueIsGone(t *testing.T) {
	d, _ := testDialer(t, Config{})
	s := newTestSubmitter(t, d)
	q, err := s.Listen(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	// An exclusive queue can only be deleted over its own connection.
	if _, err := s.replyCh.QueueDelete(q, false, false, false); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range s.Follow(soon(t)) {
		last = err
	}
	if !errors.Is(last, errCanceled) {
		t.Errorf("follow: %v", last)
	}
}

func TestObserve(t *testing.T) {
	d, _ := testDialer(t, Config{})
	exchange := brokertest.Name(t)
	p := NewPublisher(d, PublisherConfig{Exchange: exchange, Declare: true})
	brokertest.DeleteExchange(t, brokertest.URL(), exchange)
	s := newTestSubmitter(t, d)
	if err := s.Observe(soon(t), exchange, "#"); err == nil {
		t.Error("observed without a queue")
	}
	if _, err := s.Listen(soon(t)); err != nil {
		t.Fatal(err)
	}
	start(t, p.Run)
	if err := p.Publish(soon(t), Publishing{RoutingKey: "before"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Observe(soon(t), exchange, "task.*.1", "task.*.2"); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(soon(t), Publishing{RoutingKey: "task.x.3"}, Publishing{RoutingKey: "task.x.2"}); err != nil {
		t.Fatal(err)
	}
	for m, err := range s.Follow(soon(t)) {
		if err != nil || m.RoutingKey != "task.x.2" {
			t.Errorf("observed %q, %v", m.RoutingKey, err)
		}
		break
	}
}

func TestObserveAbsentExchange(t *testing.T) {
	d, _ := testDialer(t, Config{})
	s := newTestSubmitter(t, d)
	if _, err := s.Listen(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Observe(soon(t), "no-such-exchange", "#"); !IsNoExchange(err) {
		t.Errorf("error %v", err)
	}
}
