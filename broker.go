package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/internal/signature"
	"github.com/docker-worker/docker-worker/worker"
)

// attemptHeader counts the attempts at a task that were begun. Workers alone write it.
const attemptHeader = "x-docker-worker-attempt"

// intake is what the two ways of holding a task have in common.
type intake interface {
	Run(ctx context.Context) error
	Receive(ctx context.Context) (*amqp.Delivery, error)
	StopConsuming(ctx context.Context) error
}

// brokerSource is the worker's Source behind a broker.
type brokerSource struct {
	intake
	leases *amqp.LeaseConsumer // the same as intake; nil where deliveries are held
	logger *slog.Logger
}

// lockPatience is how long a worker waits for its own claims when another connection has them. A connection that died
// with its host is noticed after three heartbeats.
const lockPatience = 40 * time.Second

func (s brokerSource) Receive(ctx context.Context) (*worker.Delivery, error) {
	d, err := s.intake.Receive(ctx)
	if err != nil {
		return nil, err
	}
	if s.leases != nil {
		return delivery(d, begunBefore(d)), nil
	}
	return delivery(d, begunBefore(d)+unsettledBefore(d)), nil
}

// Resume waits for the claims that this worker had when its last process ended. A delivery that is held has ended with
// its connection.
func (s brokerSource) Resume(ctx context.Context) ([]*worker.Delivery, error) {
	if s.leases == nil {
		return nil, nil
	}
	begun := time.Now()
	claims, err := s.leases.Reclaimed(ctx)
	for ; amqp.IsLocked(err) && time.Since(begun) < lockPatience; claims, err = s.leases.Reclaimed(ctx) {
		s.logger.Warn("another connection has this worker's id; if it died, the broker will notice", "error", err)
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	var resumed []*worker.Delivery
	for _, claim := range claims {
		// The header of a claim counts the attempt that it is for.
		d := delivery(claim, max(begunBefore(claim)-1, 0))
		d.Resumed = true
		resumed = append(resumed, d)
	}
	return resumed, nil
}

func delivery(d *amqp.Delivery, attempts int) *worker.Delivery {
	if d.MessageID == "" {
		// From here on the task has an id, in every copy of it.
		d.MessageID = worker.NewID()
	}
	traceparent, _ := d.Headers["traceparent"].(string)
	signedBy, _ := d.Headers[signature.Header].(string)
	return &worker.Delivery{
		Claim:         brokerClaim{d},
		Body:          d.Body,
		MessageID:     d.MessageID,
		CorrelationID: d.CorrelationID,
		ReplyTo:       d.ReplyTo,
		Signature:     signedBy,
		Traceparent:   traceparent,
		Queue:         d.Queue,
		Attempts:      attempts,
	}
}

// begunBefore is the number of attempts that workers say they have begun.
func begunBefore(d *amqp.Delivery) int {
	return int(min(max(amqp.Integer(d.Headers[attemptHeader]), 0), 1<<20))
}

// unsettledBefore counts attempts that ended with a connection, where deliveries are held: only the broker knows of
// them, exactly for a quorum queue, else as none or one.
func unsettledBefore(d *amqp.Delivery) int {
	if d.DeliveryCount == 0 && d.Redelivered {
		return 1
	}
	return int(min(max(d.DeliveryCount, 0), 1<<20))
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
