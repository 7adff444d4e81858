package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// heldGeneration is one channel of the consumer. Its deliveries can be settled on it and nowhere else.
type heldGeneration struct {
	ch    *amqp091.Channel
	ended chan struct{}
	noted chan struct{} // closed when it is known why the channel was closed

	once  sync.Once
	mu    sync.Mutex
	err   error
	after func()
}

// errCanceled: the broker cancelled the consumer and left the channel open. The queue was deleted, its node is down,
// or (RabbitMQ 4.3) a message was held for too long. In the last case the messages are with somebody else by now, and
// we cannot tell: so everything that is held counts as lost.
var errCanceled = errors.New("the broker cancelled the consumer")

func newHeldGeneration(c *connection, ch *amqp091.Channel) *heldGeneration {
	g := &heldGeneration{ch: ch, ended: make(chan struct{}), noted: make(chan struct{})}
	closes := ch.NotifyClose(make(chan *amqp091.Error, 1))
	c.watch.Go(func() { // until the channel ends, at the latest with the connection
		if err, ok := <-closes; ok {
			g.mu.Lock()
			g.err = err
			g.mu.Unlock()
		}
		close(g.noted)
		g.end()
	})
	return g
}

// end makes everything that is held lost.
func (g *heldGeneration) end() {
	g.once.Do(func() {
		close(g.ended)
		g.mu.Lock()
		after := g.after
		g.after = nil
		g.mu.Unlock()
		if after != nil {
			after()
		}
	})
}

// onEnd calls f at the end, at once if it has come. There is one such function: that of the delivery about which nothing
// has been decided, and there is one of those where the prefetch is one.
func (g *heldGeneration) onEnd(f func()) {
	g.mu.Lock()
	select {
	case <-g.ended:
		g.mu.Unlock()
		f()
	default:
		g.after = f
		g.mu.Unlock()
	}
}

// because is err, or what is behind it when the channel was found closed: a call then says no more than that.
func (g *heldGeneration) because(err error) error {
	if errors.Is(err, amqp091.ErrClosed) && g.ch.IsClosed() {
		return g.reason()
	}
	return err
}

// reason is why there are no more deliveries.
func (g *heldGeneration) reason() error {
	if !g.ch.IsClosed() {
		return errCanceled
	}
	<-g.noted // the library has closed the channel, and is about to say why
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return g.err
	}
	return amqp091.ErrClosed
}

// held is the claim of a delivery that waits unacknowledged on its channel.
type held struct {
	gen     *heldGeneration
	tag     uint64
	queue   string
	message *Message
	returns *returns
}

func newHeld(raw amqp091.Delivery, queue string, gen *heldGeneration, r *returns) *Delivery {
	withoutOwn(raw.Headers) // a claim that came back
	d := &Delivery{Message: newMessage(raw), Queue: queue, DeliveryCount: Integer(raw.Headers["x-delivery-count"])}
	d.claim = &held{gen: gen, tag: raw.DeliveryTag, queue: queue, message: &d.Message, returns: r}
	return d
}

func (h *held) lost() <-chan struct{}                      { return h.gen.ended }
func (h *held) deadline() time.Time                        { return time.Time{} }
func (h *held) take(context.Context, map[string]any) error { return nil }
func (h *held) ack(context.Context) error                  { return h.settled(h.gen.ch.Ack(h.tag, false)) }
func (h *held) reject(context.Context) error               { return h.settled(h.gen.ch.Reject(h.tag, false)) }
func (h *held) requeue(context.Context) error              { return h.settled(h.gen.ch.Nack(h.tag, false, true)) }

// settled: a write on a channel that cannot be written to is a delivery that is lost.
func (h *held) settled(err error) error {
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrLost, err)
	}
	return nil
}

func (h *held) giveBack(ctx context.Context, headers map[string]any) error {
	err := h.returns.send(ctx, h.queue, copyOf(*h.message, headers))
	switch {
	case err == nil:
		return h.ack(ctx)
	case isRefused(err):
		h.returns.refusedOnce.Do(func() {
			h.returns.log.Warn("messages cannot be published back to the queue, so they are requeued as they are, "+
				"and what was to be counted in their headers is not counted", "queue", h.queue, "error", err.Error())
		})
		return h.requeue(ctx)
	default:
		return fmt.Errorf("return message to queue %q: %w", h.queue, err)
	}
}

// isRefused tells that the broker has spoken, and will say the same next time.
func isRefused(err error) bool {
	return brokerReply(err) != nil || errors.Is(err, ErrUnroutable) || errors.Is(err, ErrNacked)
}

// returns publishes messages back to their queue. It has a connection of its own, because the consumer's never
// publishes, and makes it when the first message goes back, which with luck is never.
type returns struct {
	session     *session
	lane        *lane
	log         *slog.Logger
	refusedOnce sync.Once
}

func newReturns(d *Dialer, log *slog.Logger) *returns {
	s := newSession(d, "returns", log)
	return &returns{session: s, lane: newLane(), log: s.log}
}

func (r *returns) run(ctx context.Context) {
	if r.lane.hasWork(ctx) == nil {
		r.session.run(ctx, func(ctx context.Context, c *connection, ready func()) error {
			return r.lane.serve(ctx, c, ready)
		})
	}
	r.lane.close(ErrClosed)
}

// send waits for the confirm. It is mandatory: a queue that is gone must not swallow the message.
func (r *returns) send(ctx context.Context, queue string, msg amqp091.Publishing) error {
	return r.lane.send(ctx, []*envelope{{key: queue, mandatory: true, msg: msg}})
}
