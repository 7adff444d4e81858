package amqp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffGrowsToItsCap(t *testing.T) {
	b := backoff{min: 10 * time.Millisecond, max: 100 * time.Millisecond}
	limit := 10 * time.Millisecond
	for i := range 20 {
		if d := b.next(); d <= 0 || d > limit+time.Millisecond {
			t.Errorf("wait %d: %s, want more than nothing and at most %s", i, d, limit)
		}
		limit = min(2*limit, 100*time.Millisecond)
	}
	b.reset()
	if d := b.next(); d > 11*time.Millisecond {
		t.Errorf("after reset: %s", d)
	}
}

func TestPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := pause(ctx, time.Hour); !errors.Is(err, why) {
			t.Errorf("error %v, want the cause", err)
		}
		if err := pause(t.Context(), time.Hour); err != nil {
			t.Errorf("error %v", err)
		}
	})
}
