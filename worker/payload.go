package worker

import (
	"context"
	"errors"
	"time"
)

// payloadStage turns the message into a task. From here on r.Task is there, and the worker says that it holds it.
type payloadStage struct {
	policy Policy
	worker workerFacts
}

func (s payloadStage) Name() string { return "payload" }

func (s payloadStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	task, err := ParseTask(r.delivery.Body, s.policy)
	if r.idProblem != nil {
		problems := []Problem{*r.idProblem}
		if malformed, ok := errors.AsType[*MalformedError](err); ok {
			problems = append(problems, malformed.Problems...)
		}
		err = &MalformedError{Problems: problems}
	}
	if err != nil {
		return nil, err
	}
	r.Task, r.metadata = task, task.Metadata
	if err := r.delivery.Hold(ctx, r.Attempt); err != nil {
		return nil, taskErrorf(ResourceUnavailable, "claim the task: %w", err)
	}
	r.move(Claimed, claimedDetails{Worker: s.worker, Until: until(r.delivery), Metadata: task.Metadata})
	r.maxAttempts = task.MaxAttempts
	if r.Attempt > r.maxAttempts {
		return nil, taskErrorf(TooManyAttempts, "%d attempts were begun and none of them ended; %d are allowed", r.Attempt-1, r.maxAttempts)
	}
	return nil, nil
}

// until is when the claim ends if nothing more is heard of the worker; nil for a claim without such a time.
func until(claim Claim) *time.Time {
	t := claim.Until()
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
