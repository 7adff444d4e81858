package worker

import (
	"context"
	"errors"
	"time"

	"github.com/docker-worker/docker-worker/worker/task"
)

// payloadStage turns the message into a task. From here on r.Task is there, and the worker says that it holds it.
type payloadStage struct {
	policy task.Policy
	keys   Keys
	worker workerFacts
}

func (s payloadStage) Name() string { return "payload" }

func (s payloadStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	parsed, err := s.read(r)
	if err != nil {
		return nil, err
	}
	r.Task, r.metadata = parsed, r.masker.JSON(parsed.Metadata)
	r.limits = s.policy.Limits(parsed.Resources)
	if size := int64(parsed.Log.MaxSize); size > 0 {
		r.journal.restrict(size)
	}
	if err := r.delivery.Hold(ctx, r.Attempt); err != nil {
		return nil, taskErrorf(ResourceUnavailable, "claim the task: %w", err)
	}
	r.move(Claimed, claimedDetails{Worker: s.worker, Until: until(r.delivery), Metadata: r.metadata})
	if !r.past.has(TaskClaimed) {
		r.tellShort(parsed.SecretValues())
	}
	r.maxAttempts = parsed.MaxAttempts
	if r.Attempt > r.maxAttempts {
		return nil, taskErrorf(TooManyAttempts, "%d attempts were begun and none of them ended; %d are allowed", r.Attempt-1, r.maxAttempts)
	}
	return nil, nil
}

// read makes a task of the message. Who sent it is asked before anything else: what others write is not looked at.
func (s payloadStage) read(r *Run) (*task.Task, error) {
	if err := s.keys.verify(r); err != nil {
		return nil, err
	}
	parsed, err := task.Parse(r.delivery.Body, s.policy)
	if r.idProblem != nil {
		problems := []task.Problem{*r.idProblem}
		if malformed, ok := errors.AsType[*task.MalformedError](err); ok {
			problems = append(problems, malformed.Problems...)
		}
		err = &task.MalformedError{Problems: problems}
	}
	if err != nil {
		_ = r.hide(suspected(r.delivery.Body)) // the problems may quote it
		return nil, err
	}
	if err := s.keys.unseal(r.TaskID, parsed); err != nil {
		return nil, err
	}
	return parsed, r.hide(parsed.SecretValues())
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
