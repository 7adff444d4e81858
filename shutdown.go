package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/docker-worker/docker-worker/worker"
)

var errDrain = errors.New("the worker drains")

// lifetimes are the two lives of a worker: intake, in which it takes tasks, and work, in which they run. A signal ends
// the first, a second signal or the drain timeout the second. Neither is ever begun again.
type lifetimes struct {
	intake, work context.Context
	leave        <-chan struct{} // closed by SIGUSR2: end, and leave the tasks running
	drain        func()          // ends the intake, as the first signal does; may be called again
	end          func()          // stops listening for signals, and ends both
}

// newLifetimes begins both lives and listens for signals. canLeave says whether tasks can be left running.
func newLifetimes(ctx context.Context, drainTimeout time.Duration, canLeave bool, logger *slog.Logger) *lifetimes {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR2)
	work, endWork := context.WithCancelCause(ctx)
	intake, endIntake := context.WithCancelCause(work)
	leave := make(chan struct{})
	drain := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var over <-chan time.Time
		stopIntake := func(who string) {
			logger.Info("no new task is taken; running tasks go on to their end, a signal now stops them", "by", who)
			endIntake(errDrain)
			if drainTimeout > 0 {
				over = time.After(drainTimeout)
			}
		}
		for {
			select {
			case s := <-signals:
				switch {
				case s == syscall.SIGUSR2 && canLeave:
					logger.Info("leaving", "by", s.String())
					endIntake(errDrain)
					close(leave)
					return
				case intake.Err() == nil:
					stopIntake(s.String())
				default:
					logger.Warn("stopping the running tasks; they go back to the queue", "by", s.String())
					endWork(worker.ErrShutdown)
				}
			case <-drain:
				if intake.Err() == nil {
					stopIntake("an order")
				}
			case <-over:
				logger.Warn("the drain timeout is over: stopping the running tasks; they go back to the queue", "timeout", drainTimeout)
				endWork(worker.ErrShutdown)
			case <-work.Done():
				return
			}
		}
	}()
	return &lifetimes{intake: intake, work: work, leave: leave, drain: func() {
		select {
		case drain <- struct{}{}:
		default:
		}
	}, end: func() {
		signal.Stop(signals)
		endIntake(nil)
		endWork(nil)
		<-done
	}}
}
