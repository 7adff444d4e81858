package amqp

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff gives the waits between attempts: exponential, capped, with full jitter, so that a thousand workers
// that lost the same broker do not all come back in the same instant.
type backoff struct {
	min, max time.Duration
	failures int
}

// next is the wait before the next attempt.
func (b *backoff) next() time.Duration {
	limit := b.min
	for range b.failures {
		if limit *= 2; limit >= b.max {
			limit = b.max
			break
		}
	}
	b.failures++
	return rand.N(limit) + time.Millisecond // never zero: a failing set-up must not spin
}

func (b *backoff) reset() { b.failures = 0 }

// pause waits for d or for the end of ctx, whose cause it then returns.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
