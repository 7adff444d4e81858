package worker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// outlive returns a context that ends a budget later than ctx does, or at once when ctx ends because of one of the
// causes. The returned cancel must be called.
func outlive(ctx context.Context, budget time.Duration, causes ...error) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		cause := context.Cause(ctx)
		for _, c := range causes {
			if errors.Is(cause, c) {
				cancel(cause)
				return
			}
		}
		timer := time.NewTimer(budget)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(fmt.Errorf("gave up %v after the end: %w", budget, cause))
		case <-longer.Done():
		}
	})
	return longer, func() {
		cancel(nil)
		if !stop() {
			<-ended
		}
	}
}

// watch calls do when ch is closed, before it returns where it is already, unless ctx ends first. The returned stop
// waits for the goroutine; it must be called, after ctx has ended or not.
func watch(ctx context.Context, ch <-chan struct{}, do func()) (stop func()) {
	select {
	case <-ch:
		do()
		return func() {}
	default:
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ch:
			do()
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-done }
}

// repeat calls do after first has passed, and again whenever interval has passed since it returned, as long as it
// returns true. Between the calls nothing waits but a timer: there are many tasks. The returned stop waits for a call
// under way; it must be called.
func repeat(first, interval time.Duration, do func() (again bool)) (stop func()) {
	turn := make(chan struct{}, 1) // full during a call
	stopped := false
	var timer *time.Timer
	turn <- struct{}{}
	timer = time.AfterFunc(first, func() {
		turn <- struct{}{}
		if !stopped && do() {
			timer.Reset(interval)
		}
		<-turn
	})
	<-turn
	return func() {
		turn <- struct{}{}
		stopped = true
		timer.Stop()
		<-turn
	}
}
