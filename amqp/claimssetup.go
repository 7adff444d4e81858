package amqp

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// setUp takes the lock, makes the claims queue, consumes it, and sends the barrier after what is already there.
func (g *claimsGeneration) setUp(ctx context.Context) error {
	cfg := g.store.cfg
	ch, err := g.conn.channel(ctx)
	if err != nil {
		return err
	}
	g.ch = ch
	g.returns = ch.NotifyReturn(make(chan amqp091.Return, 1000))
	// The lock: an exclusive queue belongs to one connection, and goes with it. An exclusive consumer would not do:
	// quorum queues ignore it without a word.
	if _, err := ch.QueueDeclare(cfg.lockQueue(), false, true, true, false, nil); err != nil {
		err = g.conn.wrap(ctx, "lock worker id with queue", cfg.lockQueue(), err)
		return hint(err, IsLocked, "another worker with this id is connected, or was a moment ago")
	}
	if _, err := ch.QueueDeclare(cfg.claimsQueue(), true, false, false, false, cfg.claimsArgs()); err != nil {
		err = g.wrap(ctx, "declare claims queue", err)
		return hint(err, IsInequivalent, "it was made with another lease or type: drain the worker with the old ones and delete the queue")
	}
	if err := ch.Tx(); err != nil {
		return g.wrap(ctx, "select transactions", err)
	}
	// No prefetch: all that is here is ours, and each renewal is one more for a moment.
	g.deliveries, err = ch.Consume(cfg.claimsQueue(), cfg.Tag, false, false, false, false, nil)
	if err != nil {
		return g.wrap(ctx, "consume queue", err)
	}
	if err := g.awaitAlone(ctx); err != nil {
		return err
	}
	g.store.attach(g.conn)
	g.barrier = rand.Text()
	if err := g.publish(ctx, cfg.claimsQueue(), amqp091.Publishing{Headers: amqp091.Table{barrierHeader: g.barrier}}); err != nil {
		return err
	}
	return g.commit(ctx)
}

// awaitAlone waits until we are the only consumer. The lock goes with the connection of another life, its channel a moment
// later; what that one held is requeued when its consumer is gone, and must not come after the barrier. A consumer that
// stays is not ours, or is counted on a node that is down.
func (g *claimsGeneration) awaitAlone(ctx context.Context) error {
	cfg := g.store.cfg
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	enough := time.NewTimer(min(5*time.Second, cfg.Lease/10))
	defer enough.Stop()
	for {
		q, err := g.ch.QueueDeclarePassive(cfg.claimsQueue(), true, false, false, false, nil)
		if err != nil {
			return g.wrap(ctx, "inspect claims queue", err)
		}
		if q.Consumers <= 1 {
			return nil
		}
		select {
		case <-again.C:
		case <-enough.C:
			g.store.log.Warn("the claims queue has another consumer", "queue", cfg.claimsQueue(), "consumers", q.Consumers)
			return nil
		case <-ctx.Done():
			return g.wrap(ctx, "inspect claims queue", context.Cause(ctx))
		}
	}
}

// claimsArgs: one uniform time to live on the queue, because messages expire only at its head. No x-expires: a queue
// that expires takes its messages with it.
func (c LeaseConfig) claimsArgs() amqp091.Table {
	args := amqp091.Table{
		amqp091.QueueTypeArg:        amqp091.QueueTypeQuorum,
		"x-message-ttl":             c.Lease.Milliseconds(),
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": c.Queue,
		"x-dead-letter-strategy":    "at-least-once",
		"x-overflow":                "reject-publish", // which at-least-once needs
	}
	if c.Classic {
		args[amqp091.QueueTypeArg] = amqp091.QueueTypeClassic
		delete(args, "x-dead-letter-strategy")
		delete(args, "x-overflow")
	}
	return args
}

func hint(err error, is func(error) bool, text string) error {
	if e, ok := err.(*Error); ok && is(err) { //nolint:errorlint // it has just been made
		e.Hint = text
	}
	return err
}
