package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/rabbitmq/amqp091-go"
)

// DefaultExchange takes the events.
const DefaultExchange = "docker-worker.events"

// PublisherConfig configures a Publisher.
type PublisherConfig struct {
	// Exchange takes everything that has no ReplyTo. Default: DefaultExchange.
	Exchange string

	// Declare makes the exchange (topic, durable) where it is absent and we may. An exchange of that name with other
	// properties is used as it is. Without Declare it must exist.
	Declare bool

	// OnReturn, if set, hears of each mandatory message that reached no queue. It must not block.
	OnReturn func(Publishing)

	// Logger for the operator. Nil: the dialer's.
	Logger *slog.Logger
}

// Publisher publishes with confirms, in order, and does not give up. Any number of goroutines may call Publish; the
// messages of one call, and of calls that follow each other, are sent in their order.
//
// To stop: let every Publish return (there is nothing else to flush), then end Run's context.
type Publisher struct {
	dialer  *Dialer
	cfg     PublisherConfig
	log     *slog.Logger
	session *session
	events  *lane
	replies *lane // a channel of its own: whatever is wrong with a reply queue, events go on

	mu     sync.Mutex
	warned map[string]bool // what was said once already
}

// NewPublisher makes a publisher; nothing is sent before Run.
func NewPublisher(d *Dialer, cfg PublisherConfig) *Publisher {
	setDefault(&cfg.Exchange, DefaultExchange)
	s := newSession(d, "events", cfg.Logger)
	p := &Publisher{
		dialer: d, cfg: cfg, log: s.log, session: s,
		events: newLane(), replies: newLane(), warned: make(map[string]bool),
	}
	p.events.refuse = func(_ *envelope, reply *amqp091.Error) error {
		if reply.Code == amqp091.PreconditionFailed { // too large: it will never be accepted
			return fmt.Errorf("publish event: %w", reply)
		}
		return nil // exchange absent, permission withdrawn: until somebody repairs it
	}
	p.events.nacked = func(*envelope) error { return nil }
	p.events.returned = func(e *envelope) error {
		p.once("return", func() {
			p.log.Warn("nobody listens to the events: no queue is bound for it", "exchange", e.exchange, "key", e.key)
		})
		p.tellReturn(e)
		return nil
	}
	p.replies.refuse = func(e *envelope, reply *amqp091.Error) error { p.dropReply(e, reply); return errDropped }
	p.replies.nacked = func(e *envelope) error { p.dropReply(e, ErrNacked); return errDropped }
	p.replies.returned = func(e *envelope) error {
		p.dropReply(e, ErrUnroutable)
		p.tellReturn(e)
		return errDropped
	}
	return p
}

// errDropped ends a reply that cannot be delivered. It is never seen outside.
var errDropped = errors.New("reply dropped")

// Run keeps the connection until ctx ends. Calls of Publish that are still waiting then get an error that is
// ErrClosed.
func (p *Publisher) Run(ctx context.Context) error {
	p.session.run(ctx, p.serve)
	err := fmt.Errorf("publish: %w", ErrClosed)
	p.events.close(err)
	p.replies.close(err)
	return context.Cause(ctx)
}

func (p *Publisher) serve(ctx context.Context, c *connection, ready func()) error {
	if err := p.ensureExchange(ctx, c); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var replies sync.WaitGroup
	replies.Go(func() { p.serveReplies(ctx, c) })
	defer replies.Wait()
	defer cancel()
	return p.events.serve(ctx, c, ready)
}

// serveReplies opens a new channel each time that the broker closes one over a reply.
func (p *Publisher) serveReplies(ctx context.Context, c *connection) {
	wait := backoff{min: p.dialer.cfg.RetryMin, max: p.dialer.cfg.RetryMax}
	for p.replies.hasWork(ctx) == nil {
		if err := p.replies.serve(ctx, c, func() {}); err != nil && pause(ctx, wait.next()) != nil {
			return
		}
	}
}

func (p *Publisher) ensureExchange(ctx context.Context, c *connection) error {
	if p.cfg.Declare {
		err := p.onThrowaway(ctx, c, func(ch *amqp091.Channel) error {
			return ch.ExchangeDeclare(p.cfg.Exchange, amqp091.ExchangeTopic, true, false, false, false, nil)
		})
		if err == nil || (!IsAccessRefused(err) && !IsInequivalent(err)) {
			return c.wrap(ctx, "declare exchange", p.cfg.Exchange, err)
		}
		p.once("declare", func() {
			p.log.Info("the events exchange is used as it is", "exchange", p.cfg.Exchange, "declaration", err.Error())
		})
	}
	err := p.onThrowaway(ctx, c, func(ch *amqp091.Channel) error {
		return ch.ExchangeDeclarePassive(p.cfg.Exchange, amqp091.ExchangeTopic, true, false, false, false, nil)
	})
	return c.wrap(ctx, "look for exchange", p.cfg.Exchange, err)
}

// onThrowaway runs a call that may cost the channel.
func (p *Publisher) onThrowaway(ctx context.Context, c *connection, call func(*amqp091.Channel) error) error {
	ch, err := c.channel(ctx)
	if err != nil {
		return err
	}
	defer c.killAfter(ctx)()
	if err := call(ch); err != nil {
		return err
	}
	return ch.Close()
}

// Publish sends the messages in order and returns nil when the broker has confirmed all of them. Until then it tries
// again on every new connection, from the first that is not confirmed; a message may therefore arrive twice, with the
// same MessageID. It returns early
//
//   - when ctx ends: the error is its cause, and what was under way may still arrive;
//   - when a message can never be sent (AMQP's limits, the broker's size limit): the others are sent all the same;
//   - when Run has ended: ErrClosed.
//
// A message with ReplyTo goes to that queue in the order of its kind. One that cannot be delivered there (absent,
// forbidden, full) is dropped, and logged once for each queue: it is no error. Bodies and headers must never be
// changed after the call: one that returned early may still be sending them.
func (p *Publisher) Publish(ctx context.Context, msgs ...Publishing) error {
	var events, replies []*envelope
	for i := range msgs {
		m := msgs[i]
		wire, err := m.wire()
		if err != nil {
			return fmt.Errorf("publish %q: %w", m.RoutingKey+m.ReplyTo, err)
		}
		e := &envelope{exchange: p.cfg.Exchange, key: m.RoutingKey, mandatory: m.Mandatory, msg: wire, source: &m}
		if m.ReplyTo != "" {
			e.exchange, e.key = "", m.ReplyTo
			replies = append(replies, e)
		} else {
			events = append(events, e)
		}
	}
	r := p.replies.enqueue(replies)
	if err := p.events.send(ctx, events); err != nil {
		p.replies.takeBack(r)
		return err
	}
	if err := p.replies.wait(ctx, r); err != nil && !errors.Is(err, errDropped) {
		return err
	}
	return nil
}

func (p *Publisher) tellReturn(e *envelope) {
	if p.cfg.OnReturn != nil && e.source != nil {
		p.cfg.OnReturn(*e.source)
	}
}

func (p *Publisher) dropReply(e *envelope, reason error) {
	p.once("reply "+e.key, func() {
		p.log.Warn("replies to this queue are dropped", "queue", e.key, "error", reason.Error())
	})
}

// once says something the first time. The memory of it is bounded: reply queues come and go.
func (p *Publisher) once(what string, say func()) {
	p.mu.Lock()
	known := p.warned[what]
	if len(p.warned) > 1000 {
		clear(p.warned)
	}
	p.warned[what] = true
	p.mu.Unlock()
	if !known {
		say()
	}
}
