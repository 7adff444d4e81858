package worker

import (
	"context"
	"sync"
)

// handover keeps the process from ending while a claim goes from one hand to the other: between two steps of that,
// another worker could get a task that is done, or that runs. Whoever must leave takes the lock and keeps it.
type handover struct{ sync.RWMutex }

// careful is a claim whose steps are not cut in two by Worker.Leave.
type careful struct {
	Claim
	*handover
}

func (c careful) step(do func() error) error {
	c.RLock()
	defer c.RUnlock()
	return do()
}

func (c careful) Hold(ctx context.Context, attempt int) error {
	return c.step(func() error { return c.Claim.Hold(ctx, attempt) })
}

func (c careful) Done(ctx context.Context) error {
	return c.step(func() error { return c.Claim.Done(ctx) })
}

func (c careful) DeadLetter(ctx context.Context) error {
	return c.step(func() error { return c.Claim.DeadLetter(ctx) })
}

func (c careful) Retry(ctx context.Context, attempts int) error {
	return c.step(func() error { return c.Claim.Retry(ctx, attempts) })
}

func (c careful) GiveBack(ctx context.Context) error {
	return c.step(func() error { return c.Claim.GiveBack(ctx) })
}

// Leave prepares the end of the process with all tasks left as they are, containers running, for the next process under
// this id. It returns when no claim is between two hands, and none will be again: the caller ends the process then.
func (w *Worker) Leave() { w.handover.Lock() }
