package resident

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Memory is given back when nothing has run for long enough, once, and not in the middle of anything.
func TestIdler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var released atomic.Int32
		i := newIdler(time.Second, func() { released.Add(1) })
		after := func(pause time.Duration, want int32) {
			t.Helper()
			time.Sleep(pause) // of the test's own clock
			synctest.Wait()
			if got := released.Load(); got != want {
				t.Errorf("given back %d times, want %d", got, want)
			}
		}
		after(900*time.Millisecond, 0)
		after(time.Hour, 1)
		first := i.Begin()
		second := i.Begin()
		first()
		after(time.Hour, 1)
		second()
		after(900*time.Millisecond, 1)
		i.Begin()()
		after(900*time.Millisecond, 1)
		after(time.Hour, 2)
		i.Begin()()
		i.Stop()
		after(time.Hour, 2)
		i.Begin()()
		after(time.Hour, 2)
	})
}
