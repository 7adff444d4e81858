package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A context that outlives another ends a budget later, at once for some causes, and not by itself.
func TestOutlive(t *testing.T) {
	reason := errors.New("reason of the test")
	for name, test := range map[string]struct {
		cause error
		ends  time.Duration
	}{
		"any cause":                  {reason, time.Minute},
		"a cause that does not wait": {fmt.Errorf("by the broker: %w", ErrClaimLost), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				longer, done := outlive(ctx, time.Minute, ErrCanceled, ErrClaimLost)
				defer done()
				pass(time.Hour)
				if longer.Err() != nil {
					t.Fatal("it ended by itself")
				}
				ended := time.Now()
				cancel(test.cause)
				<-longer.Done()
				if took := time.Since(ended); took != test.ends {
					t.Errorf("it ended after %v, want %v", took, test.ends)
				}
				if !errors.Is(context.Cause(longer), test.cause) {
					t.Errorf("cause: %v", context.Cause(longer))
				}
			})
		})
	}
}

// Whoever gives a longer context back leaves nothing behind, whether the other has ended or not.
func TestOutliveIsGivenBack(t *testing.T) {
	for _, ended := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			longer, done := outlive(ctx, time.Hour)
			if ended {
				cancel()
				synctest.Wait()
			}
			done()
			if longer.Err() == nil {
				t.Error("it lives on")
			}
		})
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan struct{})
		calls := 0
		stop := watch(t.Context(), ch, func() { calls++ })
		synctest.Wait()
		if calls != 0 {
			t.Error("called too early")
		}
		close(ch)
		synctest.Wait()
		stop()
		if calls != 1 {
			t.Errorf("%d calls", calls)
		}
		watch(t.Context(), ch, func() { calls++ })()
		if calls != 2 {
			t.Error("not called at once for what has happened already")
		}
		never := make(chan struct{})
		watch(t.Context(), never, func() { t.Error("called for nothing") })()
	})
}
