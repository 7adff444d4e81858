package brokertest

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// URL is the broker that all tests share: DOCKER_WORKER_TEST_AMQP, else guest on this machine. Tests must leave
// nothing on it, and never stop it.
func URL() string {
	return cmp.Or(os.Getenv("DOCKER_WORKER_TEST_AMQP"), "amqp://guest:guest@127.0.0.1:5672")
}

// Name is unique, and begins with the name of the test.
func Name(tb testing.TB) string {
	tb.Helper()
	name := strings.NewReplacer("/", ".", " ", "_").Replace(tb.Name())
	return "test." + name + "." + rand.Text()[:8]
}

// Dial connects to a broker with the plain client library, for the test's own view of things. It is closed at the
// end of the test, unless the broker is gone by then.
func Dial(tb testing.TB, brokerURL string) *amqp091.Connection {
	tb.Helper()
	conn, err := amqp091.Dial(brokerURL)
	if err != nil {
		tb.Fatalf("connect to the broker of the tests: %v", err)
	}
	tb.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(2 * time.Second)) })
	return conn
}

// Channel opens a channel of its own on a connection of its own.
func Channel(tb testing.TB, brokerURL string) *amqp091.Channel {
	tb.Helper()
	ch, err := Dial(tb, brokerURL).Channel()
	if err != nil {
		tb.Fatalf("open channel: %v", err)
	}
	return ch
}

// Queue declares a durable queue with a unique name and deletes it at the end of the test.
func Queue(tb testing.TB, brokerURL string, args amqp091.Table) string {
	tb.Helper()
	name := Name(tb)
	if _, err := Channel(tb, brokerURL).QueueDeclare(name, true, false, false, false, args); err != nil {
		tb.Fatalf("declare queue %s: %v", name, err)
	}
	DeleteQueue(tb, brokerURL, name)
	return name
}

// DeleteQueue deletes a queue at the end of the test. One that is not there is fine.
func DeleteQueue(tb testing.TB, brokerURL, name string) {
	tb.Helper()
	tb.Cleanup(func() {
		cleanUp(brokerURL, func(ch *amqp091.Channel) { _, _ = ch.QueueDelete(name, false, false, false) })
	})
}

// DeleteExchange deletes an exchange at the end of the test.
func DeleteExchange(tb testing.TB, brokerURL, name string) {
	tb.Helper()
	tb.Cleanup(func() { cleanUp(brokerURL, func(ch *amqp091.Channel) { _ = ch.ExchangeDelete(name, false, false) }) })
}

func cleanUp(brokerURL string, job func(*amqp091.Channel)) {
	conn, err := amqp091.Dial(brokerURL)
	if err != nil {
		return // the test stopped its broker
	}
	defer conn.CloseDeadline(time.Now().Add(2 * time.Second)) //nolint:errcheck // the end of a test
	if ch, err := conn.Channel(); err == nil {
		job(ch)
	}
}

// Count is the number of messages that are ready in a queue, -1 when it does not exist.
func Count(tb testing.TB, brokerURL, queue string) int {
	tb.Helper()
	conn, err := amqp091.Dial(brokerURL)
	if err != nil {
		tb.Fatalf("connect to the broker of the tests: %v", err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		tb.Fatalf("open channel: %v", err)
	}
	q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		return -1
	}
	return q.Messages
}

// Publish puts messages on a queue and waits until the broker has them.
func Publish(tb testing.TB, brokerURL, queue string, msgs ...amqp091.Publishing) {
	tb.Helper()
	conn, err := amqp091.Dial(brokerURL)
	if err != nil {
		tb.Fatalf("connect to the broker of the tests: %v", err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		tb.Fatalf("open channel: %v", err)
	}
	if err := ch.Confirm(false); err != nil {
		tb.Fatalf("confirm mode: %v", err)
	}
	for _, m := range msgs {
		m.DeliveryMode = amqp091.Persistent
		dc, err := ch.PublishWithDeferredConfirm("", queue, false, false, m)
		if err != nil {
			tb.Fatalf("publish: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 10*time.Second)
		ok, err := dc.WaitContext(ctx)
		cancel()
		if err != nil || !ok {
			tb.Fatalf("publish to %s: confirmed %v, %v", queue, ok, err)
		}
	}
}

// Wait asks until the condition holds, and fails the test when it does not within the limit. It is for conditions
// that live in another process; within this one there is always an event to wait for.
func Wait(tb testing.TB, limit time.Duration, what string, holds func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("waited %s in vain until %s", limit, what)
		}
	}
}

// WithHost is a broker URL with another host and port: the same broker through a proxy.
func WithHost(tb testing.TB, brokerURL, host string) string {
	tb.Helper()
	u, err := url.Parse(brokerURL)
	if err != nil {
		tb.Fatalf("broker URL: %v", err)
	}
	u.Host = host
	return u.String()
}

// Host is the host and port of a broker URL.
func Host(tb testing.TB, brokerURL string) string {
	tb.Helper()
	u, err := url.Parse(brokerURL)
	if err != nil {
		tb.Fatalf("broker URL: %v", err)
	}
	return u.Host
}
