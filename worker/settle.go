package worker

import (
	"context"
	"time"
)

const (
	// flushBudget is how long the worker that must go tries to tell outcomes and to settle.
	flushBudget = 10 * time.Second
	// retryPause is the pause before a task that failed on our side goes back to the queue; it doubles with each
	// attempt, up to retryPauseMax. The slot rests as well: whatever was wrong may be wrong with this host.
	retryPause    = time.Second
	retryPauseMax = time.Minute
)

// settle gives the claim back in the way that the outcome asks for. The outcome is confirmed by now.
func (w *Worker) settle(ctx context.Context, r *Run, out Outcome) {
	if out.Retrying {
		w.pauseBeforeRetry(ctx, r, out)
	}
	if lost(r.delivery) {
		r.Logger.Error("the claim on a task was lost after its outcome was told; it may run again")
		return
	}
	claim := r.delivery.Claim
	budget, cancel := outlive(ctx, flushBudget, ErrClaimLost)
	defer cancel()
	var err error
	switch {
	case out.Retrying:
		err = claim.Retry(budget, r.Attempt)
	case verdicts[out.Reason].deadLetter || verdicts[out.Reason].retry: // the latter: attempts used up
		err = claim.DeadLetter(budget)
	default:
		err = claim.Done(budget)
	}
	if err != nil {
		// The broker has not heard; it will give the task to somebody, who starts another attempt.
		r.Logger.Error("cannot settle a task that is resolved; it may run again", "error", err)
	}
}

// pauseBeforeRetry ends early when the worker drains or the claim is lost.
func (w *Worker) pauseBeforeRetry(ctx context.Context, r *Run, out Outcome) {
	if out.Reason == WorkerShutdown {
		return
	}
	pause := min(retryPause<<min(r.Attempt-1, 10), retryPauseMax)
	r.Logger.Warn("task failed on our side and goes back to the queue", "reason", out.Reason, "in", pause, "error", out.Message)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.draining:
	case <-ctx.Done():
	}
}

// giveBack returns a delivery of which nothing was begun.
func (w *Worker) giveBack(ctx context.Context, d *Delivery) {
	if lost(d) {
		return
	}
	budget, cancel := outlive(ctx, flushBudget, ErrClaimLost)
	defer cancel()
	if err := d.GiveBack(budget); err != nil {
		w.logger.Error("cannot give a task back; the broker will, when the connection ends", "error", err)
	}
}
