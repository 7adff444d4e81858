package main

import (
	"context"
	"fmt"
	"time"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/worker"
)

// attemptHeader counts the attempts at a task that were begun. Workers alone write it.
const attemptHeader = "x-docker-worker-attempt"

// brokerSource is the worker's Source behind a consumer.
type brokerSource struct{ consumer *amqp.Consumer }

func (s brokerSource) Receive(ctx context.Context) (*worker.Delivery, error) {
	d, err := s.consumer.Receive(ctx)
	if err != nil {
		return nil, err
	}
	traceparent, _ := d.Headers["traceparent"].(string)
	return &worker.Delivery{
		Claim:         brokerClaim{d},
		Body:          d.Body,
		MessageID:     d.MessageID,
		CorrelationID: d.CorrelationID,
		ReplyTo:       d.ReplyTo,
		Traceparent:   traceparent,
		Queue:         d.Queue,
		Attempts:      attemptsBefore(d),
	}, nil
}

// Resume finds nothing: a delivery that is held ends with its connection.
func (brokerSource) Resume(context.Context) ([]*worker.Delivery, error) { return nil, nil }

// attemptsBefore counts the attempts that somebody may have begun: those that our header tells, and those that ended
// with a connection, which only the broker knows: exactly on a quorum queue, else one or none.
func attemptsBefore(d *amqp.Delivery) int {
	counted := max(integer(d.Headers[attemptHeader]), 0)
	uncounted := d.DeliveryCount
	if uncounted == 0 && d.Redelivered {
		uncounted = 1
	}
	return int(min(counted+uncounted, 1<<20))
}

// integer reads a header that other clients may have written with another size of integer.
func integer(v any) int64 {
	switch n := v.(type) {
	case int64:
		return n
	case int32:
		return int64(n)
	case int16:
		return int64(n)
	case int8:
		return int64(n)
	case uint8:
		return int64(n)
	case int:
		return int64(n)
	}
	return 0
}

// brokerClaim is the worker's Claim behind a delivery.
type brokerClaim struct{ d *amqp.Delivery }

func (c brokerClaim) Lost() <-chan struct{} { return c.d.Lost() }

func (c brokerClaim) Until() time.Time { return c.d.Deadline() }

func (c brokerClaim) Hold(ctx context.Context, attempt int) error {
	return c.d.Claim(ctx, map[string]any{attemptHeader: int64(attempt)})
}

func (c brokerClaim) Done(ctx context.Context) error { return c.d.Ack(ctx) }

func (c brokerClaim) DeadLetter(ctx context.Context) error { return c.d.Reject(ctx) }

func (c brokerClaim) GiveBack(ctx context.Context) error { return c.d.Requeue(ctx) }

func (c brokerClaim) Retry(ctx context.Context, attempts int) error {
	err := c.d.Return(ctx, map[string]any{attemptHeader: int64(attempts)})
	if err != nil {
		return fmt.Errorf("return the task to its queue: %w", err)
	}
	return nil
}

// brokerEvents is the worker's Publisher behind a publisher.
type brokerEvents struct{ publisher *amqp.Publisher }

func (e brokerEvents) Publish(ctx context.Context, messages ...worker.Message) error {
	batch := make([]amqp.Publishing, len(messages))
	for i, m := range messages {
		batch[i] = amqp.Publishing{
			RoutingKey:    m.RoutingKey,
			ReplyTo:       m.ReplyTo,
			Type:          string(m.Type),
			MessageID:     m.MessageID,
			CorrelationID: m.CorrelationID,
			AppID:         m.AppID,
			ContentType:   m.ContentType,
			Timestamp:     m.Time,
			Headers:       m.Headers,
			Mandatory:     m.Mandatory,
			Body:          m.Body,
		}
	}
	return e.publisher.Publish(ctx, batch...)
}
