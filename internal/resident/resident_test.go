package resident

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Memory is given back when nothing has run for long enough, again after a while, and not in the middle of anything.
func TestIdler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var released atomic.Int32
		i := newIdler(time.Second, time.Minute, func() { released.Add(1) })
		after := func(pause time.Duration, want int32) {
			t.Helper()
			time.Sleep(pause) // of the test's own clock
			synctest.Wait()
			if got := released.Load(); got != want {
				t.Errorf("given back %d times, want %d", got, want)
			}
		}
		after(900*time.Millisecond, 0)
		after(200*time.Millisecond, 1)
		after(time.Minute, 2)
		after(time.Minute, 3)
		first := i.Begin()
		second := i.Begin()
		first()
		after(time.Hour, 3)
		second()
		after(900*time.Millisecond, 3)
		i.Begin()()
		after(900*time.Millisecond, 3)
		after(time.Second, 4)
		i.Begin()()
		i.Stop()
		after(time.Hour, 4)
		i.Begin()()
		after(time.Hour, 4)
	})
}

// A task that begins while memory is given back keeps it from being given back again.
func TestBeginDuringRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, ended := make(chan struct{}), make(chan struct{})
		i := newIdler(time.Second, time.Second, func() {
			close(begun) // a second time would panic
			<-ended
		})
		<-begun
		i.Begin()
		close(ended)
		time.Sleep(time.Hour)
	})
}
