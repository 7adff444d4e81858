//go:build integration

package amqp

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestInspectQueue(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	brokertest.Publish(t, brokertest.URL(), q, amqp091.Publishing{}, amqp091.Publishing{})
	awaitCount(t, brokertest.URL(), q, 2)
	info, err := d.InspectQueue(soon(t), q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(QueueInfo{Messages: 2}, info); diff != "" {
		t.Error(diff)
	}
}

func TestInspectQueueCreatesNothing(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := brokertest.Name(t)
	for range 2 {
		_, err := d.InspectQueue(soon(t), q)
		if !IsNoQueue(err) {
			t.Fatalf("error %v, want that the queue is absent", err)
		}
		for _, part := range []string{q, brokertest.Host(t, brokertest.URL()), `vhost "/"`} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not name %s", err, part)
			}
		}
	}
}

func TestConnectErrors(t *testing.T) {
	host := brokertest.Host(t, brokertest.URL())
	for name, tc := range map[string]struct {
		urls []string
		is   func(error) bool
	}{
		"password":    {[]string{"amqp://guest:hunter2@" + host}, IsBadCredentials},
		"vhost":       {[]string{"amqp://guest:guest@" + host + "/no-such-vhost"}, IsNoVHost},
		"unreachable": {[]string{"amqp://guest:hunter2@127.0.0.1:1", "amqp://guest:hunter2@127.0.0.1:2"}, IsUnreachable},
		// A node that says no is worth more than one that says nothing, in any order.
		"both": {[]string{"amqp://guest:hunter2@127.0.0.1:1", "amqp://guest:hunter2@" + host}, IsBadCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := testDialer(t, Config{URLs: tc.urls})
			_, err := d.InspectQueue(soon(t), "q")
			if !tc.is(err) {
				t.Errorf("wrong kind of error: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}

func TestConnectTriesTheOtherBrokers(t *testing.T) {
	d, _ := testDialer(t, Config{URLs: []string{"amqp://guest:guest@127.0.0.1:1", "amqp://guest:guest@127.0.0.1:2", brokertest.URL()}})
	q := brokertest.Queue(t, brokertest.URL(), nil)
	for range 5 {
		if _, err := d.InspectQueue(soon(t), q); err != nil {
			t.Error(err)
		}
	}
}

func TestConnectEndsInABlackHole(t *testing.T) {
	p := brokertest.NewProxy(t, brokertest.URL())
	p.Blackhole(true)
	d, _ := testDialer(t, Config{
		URLs:        []string{brokertest.WithHost(t, brokertest.URL(), p.Host())},
		DialTimeout: 200 * time.Millisecond,
	})
	if _, err := d.InspectQueue(soon(t), "q"); !IsUnreachable(err) {
		t.Errorf("error %v, want unreachable", err)
	}
}

func TestDeclareQueue(t *testing.T) {
	for name, opts := range map[string]QueueOptions{
		"quorum":     {},
		"classic":    {Classic: true},
		"priorities": {Classic: true, MaxPriority: 5},
		"names":      {DeadLetterExchange: "test.dlx.names", DeadLetterQueue: "test.dlq.names"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := testDialer(t, Config{})
			opts.Name = brokertest.Name(t)
			full, err := opts.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			brokertest.DeleteQueue(t, brokertest.URL(), full.Name)
			brokertest.DeleteQueue(t, brokertest.URL(), full.DeadLetterQueue)
			brokertest.DeleteExchange(t, brokertest.URL(), full.DeadLetterExchange)
			for range 2 {
				if err := d.DeclareQueue(soon(t), opts); err != nil {
					t.Fatal(err)
				}
			}

			// What is rejected arrives in the dead-letter queue.
			brokertest.Publish(t, brokertest.URL(), full.Name, amqp091.Publishing{MessageId: "bad"})
			c := NewConsumer(d, ConsumerConfig{Queue: full.Name})
			start(t, c.Run)
			if err := mustReceive(t, c).Reject(soon(t)); err != nil {
				t.Fatal(err)
			}
			dead := NewConsumer(d, ConsumerConfig{Queue: full.DeadLetterQueue})
			start(t, dead.Run)
			m := mustReceive(t, dead)
			if m.MessageID != "bad" {
				t.Errorf("dead letter %q", m.MessageID)
			}
			if err := m.Ack(soon(t)); err != nil {
				t.Error(err)
			}

			other := opts
			other.Classic, other.MaxPriority = !opts.Classic, 0
			err = d.DeclareQueue(soon(t), other)
			if !IsInequivalent(err) || !strings.Contains(err.Error(), "deleting") {
				t.Errorf("declared with another type: %v", err)
			}
		})
	}
}

func TestDeclareQueueRefuses(t *testing.T) {
	d, _ := testDialer(t, Config{})
	for name, opts := range map[string]QueueOptions{
		"no name":           {},
		"quorum priorities": {Name: "x", MaxPriority: 3},
		"priority":          {Name: "x", Classic: true, MaxPriority: 256},
		"long":              {Name: strings.Repeat("x", 255)},
	} {
		if err := d.DeclareQueue(soon(t), opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
