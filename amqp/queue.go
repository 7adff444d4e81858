package amqp

import (
	"context"
	"errors"

	"github.com/rabbitmq/amqp091-go"
)

// QueueInfo is what the broker tells about a queue to anyone who asks.
type QueueInfo struct {
	Messages  int // ready to be delivered; those held by consumers are not counted
	Consumers int
}

// InspectQueue looks at a queue on a connection of its own and never creates anything. No permission is needed.
// The error satisfies IsNoQueue, IsBadCredentials, IsNoVHost or IsUnreachable where that is the reason.
func (d *Dialer) InspectQueue(ctx context.Context, queue string) (QueueInfo, error) {
	var info QueueInfo
	err := d.once(ctx, "inspect", func(c *connection, ch *amqp091.Channel) error {
		// The broker ignores the other arguments of a passive declaration.
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		info = QueueInfo{Messages: q.Messages, Consumers: q.Consumers}
		return c.wrap(ctx, "inspect queue", queue, err)
	})
	return info, err
}

// QueueOptions describe a task queue. Name alone is enough.
type QueueOptions struct {
	Name string

	// Classic asks for a classic queue: for a single node, or for priorities. A hard crash of the broker can
	// bring back messages of a classic queue that were acknowledged a moment before. Default: quorum.
	Classic bool

	// MaxPriority is the highest priority of a message, 1 to 255 (more than 10 costs the broker). Only with
	// Classic. Zero: no priorities.
	MaxPriority int

	// DeadLetterExchange takes the messages that are rejected; it is made as a durable fanout exchange.
	// Default: Name + ".dead".
	DeadLetterExchange string

	// DeadLetterQueue is bound to it, and keeps them. Default: Name + ".dead".
	DeadLetterQueue string
}

func (o QueueOptions) withDefaults() (QueueOptions, error) {
	switch {
	case o.Name == "":
		return o, errors.New("declare queue: the name is missing")
	case len(o.Name) > 255-len(".dead"):
		return o, errors.New("declare queue: the name is longer than AMQP allows")
	case o.MaxPriority < 0 || o.MaxPriority > 255:
		return o, errors.New("declare queue: the highest priority must be from 0 to 255")
	case o.MaxPriority > 0 && !o.Classic:
		return o, errors.New("declare queue: priorities need a classic queue")
	}
	setDefault(&o.DeadLetterExchange, o.Name+".dead")
	setDefault(&o.DeadLetterQueue, o.Name+".dead")
	return o, nil
}

// DeclareQueue makes a task queue with a dead-letter exchange and queue beside it. What is there already, and is
// the same, stays: it can be called again. If it is there and differs, the error satisfies IsInequivalent and
// names what differs; nothing of a queue can be changed after its making.
//
// The exchange comes first and the binding second, so that a queue which exists never dead-letters into nothing.
func (d *Dialer) DeclareQueue(ctx context.Context, opts QueueOptions) error {
	opts, err := opts.withDefaults()
	if err != nil {
		return err
	}
	kind := amqp091.QueueTypeQuorum
	if opts.Classic {
		kind = amqp091.QueueTypeClassic
	}
	args := amqp091.Table{
		amqp091.QueueTypeArg:     kind,
		"x-dead-letter-exchange": opts.DeadLetterExchange,
	}
	if opts.MaxPriority > 0 {
		args["x-max-priority"] = opts.MaxPriority
	}
	if !opts.Classic {
		// At-least-once dead-lettering, or a rejected message is lost if the dead-letter queue is away for a
		// moment. It needs reject-publish: a full queue then refuses its publisher instead of dropping its oldest.
		args["x-dead-letter-strategy"] = "at-least-once"
		args["x-overflow"] = "reject-publish"
	}
	err = d.once(ctx, "declare", func(c *connection, ch *amqp091.Channel) error {
		if err := ch.ExchangeDeclare(opts.DeadLetterExchange, amqp091.ExchangeFanout, true, false, false, false, nil); err != nil {
			return c.wrap(ctx, "declare dead-letter exchange", opts.DeadLetterExchange, err)
		}
		if _, err := ch.QueueDeclare(opts.DeadLetterQueue, true, false, false, false, amqp091.Table{amqp091.QueueTypeArg: kind}); err != nil {
			return c.wrap(ctx, "declare dead-letter queue", opts.DeadLetterQueue, err)
		}
		if err := ch.QueueBind(opts.DeadLetterQueue, "", opts.DeadLetterExchange, false, nil); err != nil {
			return c.wrap(ctx, "bind dead-letter queue", opts.DeadLetterQueue, err)
		}
		_, err := ch.QueueDeclare(opts.Name, true, false, false, false, args)
		return c.wrap(ctx, "declare queue", opts.Name, err)
	})
	if e := new(Error); IsInequivalent(err) && errors.As(err, &e) {
		e.Hint = "it exists and differs: only deleting it can change that"
	}
	return err
}

// once runs a job on a connection and a channel that are thrown away afterwards.
func (d *Dialer) once(ctx context.Context, role string, job func(*connection, *amqp091.Channel) error) error {
	c, err := d.dial(ctx, role)
	if err != nil {
		return err
	}
	defer c.close()
	ch, err := c.channel(ctx)
	if err != nil {
		return err
	}
	defer c.killAfter(ctx)()
	return job(c, ch)
}
