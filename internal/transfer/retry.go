package transfer

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// maxPause bounds the time between two tries, whatever the server asks for.
const maxPause = time.Minute

// persist tries until it works, or trying again makes no sense. An end of ctx is its cause, and no Error.
func (c *Client) persist(ctx context.Context, op, address string, try func(ctx context.Context, moved func()) *failure) error {
	tries, wait := c.Tries, c.Pause
	if tries <= 0 {
		tries = DefaultTries
	}
	if wait <= 0 {
		wait = time.Second
	}
	for n := 1; ; n++ {
		failed := c.attempt(ctx, try)
		switch {
		case failed == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s %s: %w", op, Redact(address), context.Cause(ctx))
		case failed.own:
			return fmt.Errorf("%s %s: %w", op, Redact(address), failed.err)
		case failed.final || n >= tries:
			return &Error{Op: op, URL: Redact(address), StatusCode: failed.status, Tries: n, Err: failed.err, permanent: failed.final}
		}
		timer := time.NewTimer(min(max(wait/2+rand.N(wait), failed.wait), maxPause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		wait = min(2*wait, maxPause)
	}
}

// attempt makes one try, in a context that ends when moved is not called for a while.
func (c *Client) attempt(ctx context.Context, try func(ctx context.Context, moved func()) *failure) *failure {
	limit := c.Inactivity
	if limit <= 0 {
		limit = DefaultInactivity
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(limit, func() { cancel(fmt.Errorf("no byte has moved for %v", limit)) })
	defer watch.Stop()
	return try(ctx, func() { watch.Reset(limit) })
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 16); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}

// firstOf reads the beginning of an answer that is not what was hoped for.
func firstOf(body io.Reader) []byte {
	start, _ := io.ReadAll(io.LimitReader(body, 8<<10))
	return start
}
