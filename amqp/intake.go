package amqp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// intake is one generation of the task queue's connection.
func (c *LeaseConsumer) intake(ctx context.Context, conn *connection, ready func()) error {
	ch, err := conn.channel(ctx)
	if err != nil {
		return err
	}
	gen := newHeldGeneration(conn, ch)
	defer gen.end()
	if err := c.prefetchOne(ctx, conn, ch); err != nil {
		return err
	}
	ready()
	for n := 0; ; n++ {
		if err := c.untilSomebodyWaits(ctx, gen); err != nil {
			break
		}
		end := c.slots.begin()
		if end == nil {
			break
		}
		err := c.consume(ctx, conn, gen, fmt.Sprintf("%s.%d", c.cfg.Tag, n))
		end()
		if err != nil {
			return conn.wrap(ctx, "consume queue", c.cfg.Queue, gen.because(err))
		}
	}
	select { // what was offered can still be decided about
	case <-gen.ended:
		return conn.wrap(ctx, "hold deliveries of queue", c.cfg.Queue, gen.reason())
	case <-ctx.Done():
		return nil
	}
}

func (c *LeaseConsumer) prefetchOne(ctx context.Context, conn *connection, ch *amqp091.Channel) error {
	defer conn.killAfter(ctx)()
	return conn.wrap(ctx, "set prefetch", c.cfg.Queue, ch.Qos(1, 0, false))
}

var errNoMore = errors.New("no more intake")

func (c *LeaseConsumer) untilSomebodyWaits(ctx context.Context, gen *heldGeneration) error {
	for {
		n, changed := c.slots.waiting()
		if n > 0 {
			return nil
		}
		select {
		case <-changed:
		case <-c.slots.draining:
			return errNoMore
		case <-gen.ended:
			return errNoMore
		case <-ctx.Done():
			return errNoMore
		}
	}
}

// consume takes messages until there is no free slot left. The consumer is cancelled before the message for the last
// slot is handed over: whatever is delivered and not wanted would have to be requeued, and RabbitMQ 4 drops a message
// that was delivered 21 times.
func (c *LeaseConsumer) consume(ctx context.Context, conn *connection, gen *heldGeneration, tag string) error {
	// Without waiting for an answer: if the broker refuses it closes the channel, and with it the deliveries.
	deliveries, err := gen.ch.Consume(c.cfg.Queue, tag, false, false, false, true, nil)
	if err != nil {
		return err
	}
	for {
		free, changed := c.slots.waiting()
		if free == 0 {
			return c.cancel(conn, gen, tag, deliveries)
		}
		var raw amqp091.Delivery
		var ok bool
		select {
		case raw, ok = <-deliveries:
			if !ok {
				return gen.reason()
			}
		case <-changed:
			continue
		case <-c.slots.draining:
			return c.cancel(conn, gen, tag, deliveries)
		case <-ctx.Done():
			return c.cancel(conn, gen, tag, deliveries)
		}
		if consumedHere(raw) || c.store.ackOriginal(raw) {
			continue
		}
		free, _ = c.slots.waiting()
		last := free <= 1
		if last {
			// No need to wait for the answer either: while this one is not settled the prefetch allows no other, and it is
			// settled on the same channel, after the cancellation.
			if err := gen.ch.Cancel(tag, true); err != nil {
				return err
			}
		}
		if !c.offer(ctx, gen, raw) || last {
			if last {
				return nil
			}
			return c.cancel(conn, gen, tag, deliveries)
		}
	}
}

// consumedHere deals with what is not a message for anybody: barriers that a worker left behind when it died, and
// what another worker wants to have rejected.
func consumedHere(raw amqp091.Delivery) bool {
	if _, ok := raw.Headers[barrierHeader]; ok {
		_ = raw.Ack(false)
		return true
	}
	if _, ok := raw.Headers[rejectHeader]; ok {
		_ = raw.Reject(false)
		return true
	}
	return false
}

// offer hands the message to a receiver; false: nobody takes it any more, and it is back on the queue.
func (c *LeaseConsumer) offer(ctx context.Context, gen *heldGeneration, raw amqp091.Delivery) bool {
	d := c.store.offer(raw, gen)
	for {
		free, changed := c.slots.waiting()
		if free == 0 {
			_ = raw.Nack(false, true)
			return false
		}
		select {
		case c.slots.out <- d:
			c.slots.handed()
			return true
		case <-changed:
		case <-c.slots.draining:
			_ = raw.Nack(false, true)
			return false
		case <-ctx.Done():
			_ = raw.Nack(false, true)
			return false
		case <-gen.ended:
			return false
		}
	}
}

func (c *LeaseConsumer) cancel(conn *connection, gen *heldGeneration, tag string, deliveries <-chan amqp091.Delivery) error {
	t := time.AfterFunc(conn.closeTimeout, conn.kill)
	defer t.Stop()
	if err := gen.ch.Cancel(tag, false); err != nil {
		return err
	}
	for raw := range deliveries {
		_ = raw.Nack(false, true)
	}
	return nil
}
