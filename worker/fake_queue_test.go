package worker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// fakeQueue is a Source in memory.
type fakeQueue struct {
	t          testing.TB
	deliveries chan *Delivery
	trouble    chan error  // what a Receive returns instead of a task
	resumed    []*Delivery // what an earlier process held
	noResume   error       // why it cannot be known
}

func newFakeQueue(t testing.TB) *fakeQueue {
	return &fakeQueue{t: t, deliveries: make(chan *Delivery), trouble: make(chan error)}
}

func (q *fakeQueue) Receive(ctx context.Context) (*Delivery, error) {
	select {
	case d := <-q.deliveries:
		return d, nil
	case err := <-q.trouble:
		return nil, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// deliver hands a task to the worker, when it has room for one.
func (q *fakeQueue) deliver(d Delivery) *fakeClaim {
	c := q.claim()
	d.Claim = c
	q.deliveries <- &d
	return c
}

func (q *fakeQueue) claim() *fakeClaim {
	return &fakeClaim{t: q.t, lost: make(chan struct{}), settled: make(chan struct{})}
}

// fakeClaim records how a task was settled. A second settlement fails the test, and so does anything after the loss.
type fakeClaim struct {
	t       testing.TB
	lost    chan struct{}
	settled chan struct{}                   // closed by the settlement
	holding func(ctx context.Context) error // what Hold does; nil: at once, without an error
	refuses error                           // what a settlement returns
	until   time.Time                       // the end of the lease; zero for none

	mu         sync.Mutex
	held       int // the attempt; 0 before Hold
	settlement string
}

// lose gives the task to somebody else.
func (c *fakeClaim) lose() { close(c.lost) }

// how tells the settlement, "" for none.
func (c *fakeClaim) how() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settlement
}

func (c *fakeClaim) Lost() <-chan struct{} { return c.lost }

func (c *fakeClaim) Hold(ctx context.Context, attempt int) error {
	c.mu.Lock()
	if c.held != 0 || c.settlement != "" {
		c.t.Errorf("hold attempt %d of a task of which attempt %d is held, settled by %q", attempt, c.held, c.settlement)
	}
	c.held = attempt
	c.mu.Unlock()
	if c.holding != nil {
		return c.holding(ctx)
	}
	return nil
}

func (c *fakeClaim) Done(ctx context.Context) error       { return c.settle(ctx, "done") }
func (c *fakeClaim) DeadLetter(ctx context.Context) error { return c.settle(ctx, "dead-letter") }
func (c *fakeClaim) GiveBack(ctx context.Context) error   { return c.settle(ctx, "give back") }
func (c *fakeClaim) Retry(ctx context.Context, attempts int) error {
	return c.settle(ctx, fmt.Sprintf("retry %d", attempts))
}

func (c *fakeClaim) settle(ctx context.Context, how string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.lost:
		c.t.Errorf("%s: the claim was lost before", how)
	default:
	}
	if c.settlement != "" {
		c.t.Errorf("%s: the claim was settled before, by %s", how, c.settlement)
	}
	if ctx.Err() != nil {
		c.t.Errorf("%s: with a context that has ended: %v", how, context.Cause(ctx))
	}
	c.settlement = how
	close(c.settled)
	return c.refuses
}
