package worker

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// Stage is one feature's part in the life of a task. To add a feature is to write a stage and to put it into the list
// in stages.go.
type Stage interface {
	Name() string

	// Setup makes sure that what the stage provides exists. It may run again after a crash of the worker and must then
	// find what is already there. If it fails half-way it returns its Teardown as well as the error.
	Setup(ctx context.Context, r *Run) (Teardown, error)
}

// Teardown gives back what Setup took: once, in reverse order, on a context that cancelling the task does not reach.
// It may add to the outcome; its error is logged and does not change how the task ended.
type Teardown func(ctx context.Context, out *Outcome) error

// teardownBudget bounds one stage's Teardown, unless the stage is patient.
const teardownBudget = time.Minute

// patient is a stage whose Teardown may take longer.
type patient interface{ teardownTime() time.Duration }

// setUp runs the stages' Setup in order until one fails or ctx ends. The first runs even then: it is the log, without
// which nobody hears how the task ended. undo gives back what was taken, in reverse.
func (r *Run) setUp(ctx context.Context, stages []Stage) (undo func(out *Outcome), err error) {
	type named struct {
		name     string
		budget   time.Duration
		teardown Teardown
	}
	var taken []named
	undo = func(out *Outcome) {
		for i := len(taken) - 1; i >= 0; i-- {
			ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), taken[i].budget,
				fmt.Errorf("tear down %s: took longer than %v", taken[i].name, taken[i].budget))
			err := guard(func() error { return taken[i].teardown(ctx, out) })
			cancel()
			if err != nil {
				r.Logger.Error("cannot tear down a stage", "stage", taken[i].name, "error", err)
			}
		}
	}
	for i, stage := range stages {
		if i > 0 && ctx.Err() != nil {
			return undo, context.Cause(ctx)
		}
		err := guard(func() error {
			teardown, err := stage.Setup(ctx, r)
			if teardown != nil {
				budget := teardownBudget
				if p, ok := stage.(patient); ok {
					budget = p.teardownTime()
				}
				taken = append(taken, named{stage.Name(), budget, teardown})
			}
			return err
		})
		if err != nil {
			return undo, fmt.Errorf("%s: %w", stage.Name(), err)
		}
	}
	return undo, nil
}

// guard turns a panic in one task's life into an error of that task: the worker and its other tasks go on.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return f()
}

// panicError is a bug of ours that a task ran into.
type panicError struct {
	value any
	stack []byte // for the operator's log alone
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
