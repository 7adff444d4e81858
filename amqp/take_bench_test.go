//go:build integration

package amqp

import (
	"context"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// BenchmarkTakeAndSettle is the price of a lease beside that of a held delivery: one slot, quorum queues, 2 KiB.
func BenchmarkTakeAndSettle(b *testing.B) {
	d, err := NewDialer(Config{URLs: []string{brokertest.URL()}})
	if err != nil {
		b.Fatal(err)
	}
	for name, makeConsumer := range map[string]func(queue string) (intakeOf, error){
		"held": func(q string) (intakeOf, error) { return NewConsumer(d, ConsumerConfig{Queue: q}), nil },
		"lease": func(q string) (intakeOf, error) {
			return NewLeaseConsumer(d, LeaseConfig{Queue: q, WorkerID: "bench"})
		},
	} {
		b.Run(name, func(b *testing.B) {
			q := brokertest.Queue(b, brokertest.URL(), amqp091.Table{amqp091.QueueTypeArg: amqp091.QueueTypeQuorum})
			brokertest.DeleteQueue(b, brokertest.URL(), "docker-worker.claims."+q+".bench")
			c, err := makeConsumer(q)
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = c.Run(ctx) }()
			defer func() { cancel(); <-done }()
			body := make([]byte, 2048)
			var msgs []amqp091.Publishing
			for range b.N {
				msgs = append(msgs, amqp091.Publishing{Body: body})
			}
			brokertest.Publish(b, brokertest.URL(), q, msgs...)
			b.ResetTimer()
			for range b.N {
				m, err := c.Receive(ctx)
				if err != nil {
					b.Fatal(err)
				}
				if err := m.Claim(ctx, nil); err != nil {
					b.Fatal(err)
				}
				if err := m.Ack(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type intakeOf interface {
	Run(context.Context) error
	Receive(context.Context) (*Delivery, error)
}
