package amqp

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// ConsumerConfig configures a Consumer.
type ConsumerConfig struct {
	// Queue to take messages from. It must exist; it is never made or changed. While it does not exist, or may not be
	// read, the consumer tries again.
	Queue string

	// Prefetch is how many messages may be ours and not settled at the same time: the worker's capacity. Default: 1.
	Prefetch int

	// Tag names the consumer in the management UI. Default: "docker-worker".
	Tag string

	// Logger for the operator. Nil: the dialer's.
	Logger *slog.Logger
}

// Consumer takes messages from a queue and holds each, unacknowledged, until it is settled. The broker's
// consumer_timeout (30 minutes by default) therefore bounds the time that a message can be held, and everything that
// is held is lost when the connection breaks. Leases have neither limit.
//
// To stop: StopConsuming, then settle what is held, then end Run's context.
type Consumer struct {
	dialer  *Dialer
	cfg     ConsumerConfig
	log     *slog.Logger
	session *session
	returns *returns
	slots   *slots
}

// NewConsumer makes a consumer; nothing happens before Run.
func NewConsumer(d *Dialer, cfg ConsumerConfig) *Consumer {
	setDefault(&cfg.Prefetch, 1)
	setDefault(&cfg.Tag, "docker-worker")
	s := newSession(d, "consumer", cfg.Logger)
	return &Consumer{
		dialer: d, cfg: cfg, log: s.log, session: s, returns: newReturns(d, cfg.Logger),
		slots: newSlots(),
	}
}

// Run keeps the connection and the consumer until ctx ends, whose cause it returns. Before that it cancels the
// consumer at the broker and gives back what nobody has received; what was received and not settled goes back to the
// queue with the connection. It must be called once.
func (c *Consumer) Run(ctx context.Context) error {
	var returns sync.WaitGroup
	returns.Go(func() { c.returns.run(ctx) })
	c.session.run(ctx, c.serve)
	c.slots.close()
	returns.Wait()
	return context.Cause(ctx)
}

// Receive waits for the next message. As many goroutines may wait as the worker has free slots. Its errors: the cause
// of ctx, ErrDraining after StopConsuming, ErrClosed after Run.
func (c *Consumer) Receive(ctx context.Context) (*Delivery, error) { return c.slots.receive(ctx) }

// StopConsuming ends the intake for good: the consumer is cancelled at the broker, messages that were delivered and
// not received go back to the queue, Receive returns ErrDraining. What was received stays ours, the connection stays
// open. It returns when this is done, at once when there is no connection; or with the cause of ctx.
func (c *Consumer) StopConsuming(ctx context.Context) error {
	if err := c.slots.drain(ctx); err != nil {
		return fmt.Errorf("stop consuming %q: %w", c.cfg.Queue, err)
	}
	return nil
}

// serve is one generation.
func (c *Consumer) serve(ctx context.Context, conn *connection, ready func()) error {
	ch, err := conn.channel(ctx)
	if err != nil {
		return err
	}
	gen := newHeldGeneration(conn, ch)
	defer gen.end()

	if end := c.slots.begin(); end != nil {
		err := c.intake(ctx, conn, gen, ready)
		end()
		if err != nil {
			return err
		}
	} else {
		ready() // draining; nothing can be held on a connection this new
	}
	select { // no more intake, but what is held can still be settled
	case <-gen.ended:
		return conn.wrap(ctx, "hold deliveries of queue", c.cfg.Queue, gen.reason())
	case <-ctx.Done():
		return nil
	}
}

// intake consumes until it is to end (nil), or can't go on.
func (c *Consumer) intake(ctx context.Context, conn *connection, gen *heldGeneration, ready func()) error {
	deliveries, err := c.consume(ctx, conn, gen)
	if err != nil {
		return err
	}
	ready()
	if err := c.pump(ctx, gen, deliveries); err != nil {
		return conn.wrap(ctx, "consume queue", c.cfg.Queue, err)
	}
	c.cancel(conn, gen.ch, deliveries)
	return nil
}

func (c *Consumer) consume(ctx context.Context, conn *connection, gen *heldGeneration) (<-chan amqp091.Delivery, error) {
	defer conn.killAfter(ctx)()
	// Not global: with a quorum queue the broker answers that with the end of the connection (540).
	if err := gen.ch.Qos(c.cfg.Prefetch, 0, false); err != nil {
		return nil, conn.wrap(ctx, "set prefetch", c.cfg.Queue, gen.because(err))
	}
	deliveries, err := gen.ch.Consume(c.cfg.Queue, c.cfg.Tag, false, false, false, false, nil)
	return deliveries, conn.wrap(ctx, "consume queue", c.cfg.Queue, gen.because(err))
}

// pump hands deliveries to receivers. Nil means that the intake is to end.
func (c *Consumer) pump(ctx context.Context, gen *heldGeneration, deliveries <-chan amqp091.Delivery) error {
	for {
		var raw amqp091.Delivery
		var ok bool
		select {
		case raw, ok = <-deliveries:
			if !ok {
				return gen.reason()
			}
		case <-c.slots.draining:
			return nil
		case <-ctx.Done():
			return nil
		}
		if consumedHere(raw) {
			continue
		}
		select {
		case c.slots.out <- newHeld(raw, c.cfg.Queue, gen, c.returns):
			c.slots.handed()
		case <-c.slots.draining:
			_ = raw.Nack(false, true)
			return nil
		case <-ctx.Done():
			_ = raw.Nack(false, true)
			return nil
		case <-gen.ended:
			return gen.reason()
		}
	}
}

// cancel ends the consumer at the broker, then gives back what came before the broker's answer. The requeue counts
// as a delivery on a quorum queue; there is no other way that leaves the channel, and so the rest, alone.
func (c *Consumer) cancel(conn *connection, ch *amqp091.Channel, deliveries <-chan amqp091.Delivery) {
	t := time.AfterFunc(conn.closeTimeout, conn.kill)
	defer t.Stop()
	if err := ch.Cancel(c.cfg.Tag, false); err != nil {
		return // the channel is gone, and everything with it
	}
	for raw := range deliveries {
		_ = raw.Nack(false, true)
	}
}
