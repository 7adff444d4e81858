//go:build integration

package amqp

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// patience bounds what must happen soon; it is reached only when it does not happen. A broker that starts on a busy
// machine takes half a minute.
const patience = 2 * time.Minute

// changes collects what the sessions of a test tell, and lets the test wait for it.
type changes struct {
	mu   sync.Mutex
	all  []Change
	more chan struct{}
}

func newChanges() *changes { return &changes{more: make(chan struct{})} }

func (c *changes) add(ch Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, ch)
	close(c.more)
	c.more = make(chan struct{})
}

// await waits until the connection has told the state n times, and returns the last.
func (c *changes) await(t *testing.T, connection string, state State, n int) Change {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		c.mu.Lock()
		seen, more := 0, c.more
		var found Change
		for _, ch := range c.all {
			if ch.Connection == connection && ch.State == state {
				if seen++; seen == n {
					found = ch
				}
			}
		}
		c.mu.Unlock()
		if seen >= n {
			return found
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("connection %q was told %q %d times, want %d", connection, state, seen, n)
		}
	}
}

// testDialer has short waits; its log is the test's.
func testDialer(t *testing.T, cfg Config) (*Dialer, *changes) {
	t.Helper()
	c := newChanges()
	if cfg.OnChange == nil {
		cfg.OnChange = c.add
	}
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	setDefault(&cfg.RetryMin, 5*time.Millisecond)
	setDefault(&cfg.RetryMax, 100*time.Millisecond)
	setDefault(&cfg.CloseTimeout, time.Second)
	if cfg.URLs == nil {
		cfg.URLs = []string{brokertest.URL()}
	}
	d, err := NewDialer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d, c
}

var errTestOver = errors.New("the test is over")

// start runs something until the test ends or stop is called, which waits for its end.
func start(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel(errTestOver)
			select {
			case err := <-done:
				if !errors.Is(err, errTestOver) {
					t.Errorf("Run returned %v, want the cause of its context", err)
				}
			case <-time.After(patience):
				t.Error("Run did not return")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// soon is a context for one call that must not hang.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("the call hangs"))
	t.Cleanup(cancel)
	return ctx
}

func awaitLost(t *testing.T, d *Delivery) {
	t.Helper()
	select {
	case <-d.Lost():
	case <-soon(t).Done():
		t.Fatal("the delivery was not lost")
	}
}

func mustReceive(t *testing.T, c interface {
	Receive(context.Context) (*Delivery, error)
}) *Delivery {
	t.Helper()
	d, err := c.Receive(soon(t))
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return d
}

func awaitCount(t *testing.T, url, queue string, want int) {
	t.Helper()
	brokertest.Wait(t, patience, "the queue has the right number of messages", func() bool {
		return brokertest.Count(t, url, queue) == want
	})
}
