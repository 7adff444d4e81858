package amqp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// Headers of ours in a message.
const (
	claimHeader    = "x-docker-worker-claim"   // which claim a copy belongs to
	sequenceHeader = "x-docker-worker-renewal" // which of its copies it is
	barrierHeader  = "x-docker-worker-barrier" // not a task: see claimsGeneration
	rejectHeader   = "x-docker-worker-reject"  // a message that whoever gets it rejects
)

// leaseClaim is the claim behind a delivery of a LeaseConsumer. First it is offered: the original, unacknowledged on
// the task queue's channel. Then it is a lease in the store.
type leaseClaim struct {
	store    *claimStore
	message  *Message
	original *held // nil for what was reclaimed
	ended    chan struct{}
	endOnce  sync.Once

	mu    sync.Mutex
	lease *lease // nil: only offered
}

func (s *claimStore) offer(raw amqp091.Delivery, gen *heldGeneration) *Delivery {
	d := newHeld(raw, s.cfg.Queue, gen, nil)
	c := &leaseClaim{store: s, message: &d.Message, original: d.claim.(*held), ended: make(chan struct{})}
	d.claim = c
	gen.onEnd(func() {
		if c.leased() == nil {
			c.end()
		}
	})
	return d
}

func (c *leaseClaim) end() { c.endOnce.Do(func() { close(c.ended) }) }

func (c *leaseClaim) leased() *lease {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lease
}

func (c *leaseClaim) lost() <-chan struct{} { return c.ended }

func (c *leaseClaim) deadline() time.Time {
	if l := c.leased(); l != nil {
		return c.store.deadlineOf(l)
	}
	return time.Time{}
}

// take publishes the copy, waits until it is delivered to us, and only then acknowledges the original: a crash in
// between leaves two, never none.
func (c *leaseClaim) take(ctx context.Context, headers map[string]any) error {
	if c.leased() != nil {
		return nil
	}
	msg := copyOf(*c.message, headers)
	msg.Expiration = "" // the shorter of this and the queue's own would count
	l := &lease{id: rand.Text(), msg: msg, claim: c, taken: make(chan struct{})}
	if err := c.store.add(l); err != nil {
		return err
	}
	gen := c.original.gen
	select {
	case <-l.taken:
	case <-gen.ended:
		c.store.drop(l)
		return ErrLost
	case <-c.store.closed:
		return ErrClosed
	case <-ctx.Done():
		c.store.drop(l)
		return fmt.Errorf("claim message of queue %q: %w", c.store.cfg.Queue, context.Cause(ctx))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.original.ack(ctx); err != nil {
		c.store.drop(l)
		return err
	}
	c.lease = l
	if c.store.isLost(l) {
		return ErrLost
	}
	return nil
}

func (c *leaseClaim) ack(ctx context.Context) error {
	if l := c.leased(); l != nil {
		return c.store.settle(ctx, l, settlement{kind: settleDone})
	}
	return c.original.ack(ctx)
}

// reject: the original goes straight to the dead-letter exchange of its queue. A claim can't, because that exchange is
// not known to us; it travels over its queue once more, marked, and whoever gets it there rejects it.
func (c *leaseClaim) reject(ctx context.Context) error {
	if l := c.leased(); l != nil {
		return c.store.settle(ctx, l, settlement{kind: settleCopy, headers: map[string]any{rejectHeader: true}})
	}
	return c.original.reject(ctx)
}

func (c *leaseClaim) requeue(ctx context.Context) error {
	if l := c.leased(); l != nil {
		return c.store.settle(ctx, l, settlement{kind: settleBack})
	}
	return c.original.requeue(ctx)
}

func (c *leaseClaim) giveBack(ctx context.Context, headers map[string]any) error {
	l := c.leased()
	if l == nil {
		// The message was begun with before it was claimed, and that counts: only a copy can say so.
		if err := c.take(ctx, headers); err != nil {
			if errors.Is(err, ErrLost) {
				return err
			}
			return c.original.requeue(ctx)
		}
		l = c.leased()
	}
	return c.store.settle(ctx, l, settlement{kind: settleCopy, headers: headers})
}
