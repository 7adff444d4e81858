package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/worker/task"
)

// Why a task ended: first the cause of its cancellation, then the error's own reason, else a fault of ours.
func TestClassify(t *testing.T) {
	zero, one, temporary, killed := 0, 1, 75, 137
	full := errors.New("disk full")
	for name, test := range map[string]struct {
		cause error // of the task's context
		err   error
		exit  *Exit
		retry []int
		want  Outcome
	}{
		"exit 0":                      {exit: &Exit{}, want: Outcome{Reason: Completed, ExitCode: &zero}},
		"exit 1":                      {exit: &Exit{Code: 1}, want: Outcome{Reason: Failed, ExitCode: &one}},
		"exit 75, to be retried":      {exit: &Exit{Code: 75}, retry: []int{3, 75}, want: Outcome{Reason: IntermittentTask, ExitCode: &temporary}},
		"exit 1, not to be retried":   {exit: &Exit{Code: 1}, retry: []int{75}, want: Outcome{Reason: Failed, ExitCode: &one}},
		"timeout is no exit code":     {err: ErrTimeout, exit: &Exit{Code: 75}, retry: []int{75}, want: Outcome{Reason: Timeout, ExitCode: &temporary}},
		"exit 137":                    {exit: &Exit{Code: 137}, want: Outcome{Reason: Failed, ExitCode: &killed}},
		"out of memory":               {exit: &Exit{Code: 137, OOMKilled: true}, want: Outcome{Reason: OOMKilled, ExitCode: &killed, OOMKilled: true}},
		"exit 0, cancelled too late":  {cause: ErrShutdown, exit: &Exit{}, want: Outcome{Reason: Completed, ExitCode: &zero}},
		"exit 1, cancelled too late":  {cause: ErrCanceled, exit: &Exit{Code: 1}, want: Outcome{Reason: Failed, ExitCode: &one}},
		"neither exit nor error":      {want: Outcome{Reason: InternalError}},
		"timeout":                     {err: fmt.Errorf("run: %w: 1m", ErrTimeout), exit: &Exit{Code: 137}, want: Outcome{Reason: Timeout, ExitCode: &killed}},
		"timeout, then shutdown":      {cause: ErrShutdown, err: ErrTimeout, want: Outcome{Reason: Timeout}},
		"canceled":                    {cause: ErrCanceled, err: ErrCanceled, exit: &Exit{}, want: Outcome{Reason: Canceled, ExitCode: &zero}},
		"canceled, and so it failed":  {cause: fmt.Errorf("by kim: %w", ErrCanceled), err: taskErrorf(ResourceUnavailable, "pull: broken"), want: Outcome{Reason: Canceled}},
		"shutdown":                    {cause: ErrShutdown, err: ErrShutdown, want: Outcome{Reason: WorkerShutdown}},
		"shutdown, and so it failed":  {cause: ErrShutdown, err: errors.New("create: canceled"), want: Outcome{Reason: WorkerShutdown}},
		"malformed":                   {err: fmt.Errorf("payload: %w", &task.MalformedError{Problems: []task.Problem{{Pointer: "/image", Message: "is required"}}}), want: Outcome{Reason: MalformedPayload, Problems: []task.Problem{{Pointer: "/image", Message: "is required"}}}},
		"the task's fault":            {err: taskErrorf(ImageUnavailable, "no such image"), want: Outcome{Reason: ImageUnavailable}},
		"start failed":                {err: &TaskError{Reason: StartFailed, ExitCode: 1, Err: full}, want: Outcome{Reason: StartFailed, ExitCode: &one}},
		"trouble that was foreseen":   {err: fmt.Errorf("log: %w", &TaskError{Reason: ResourceUnavailable, Err: full}), want: Outcome{Reason: ResourceUnavailable}},
		"trouble that nobody foresaw": {err: full, want: Outcome{Reason: InternalError}},
		"a panic":                     {err: guard(func() error { panic("oh") }), want: Outcome{Reason: InternalError}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if test.cause != nil {
				cancel(test.cause)
			}
			got := classify(ctx, test.err, test.exit, test.retry)
			if got.Reason != Completed && got.Message == "" {
				t.Error("no words for a person")
			}
			got.Message = ""
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every reason has a verdict, and nothing is both tried again and handed to the dead-letter exchange.
func TestVerdicts(t *testing.T) {
	reasons := []Reason{Completed, Failed, IntermittentTask, Timeout, OOMKilled, StartFailed, MalformedPayload, ImageUnavailable, ResourceUnavailable,
		Canceled, WorkerShutdown, InternalError, TooManyAttempts}
	for _, reason := range reasons {
		v, ok := verdicts[reason]
		if !ok || v.event == "" || v.retry && v.deadLetter || v.retry && v.event != TaskException {
			t.Errorf("%s: %+v", reason, v)
		}
	}
	if len(verdicts) != len(reasons) {
		t.Errorf("%d verdicts for %d reasons", len(verdicts), len(reasons))
	}
}

// The cause of an error can be found behind it.
func TestTaskErrorUnwraps(t *testing.T) {
	cause := errors.New("cause")
	if err := taskErrorf(ResourceUnavailable, "do: %w", cause); !errors.Is(err, cause) || err.Error() != "do: cause" {
		t.Error(err)
	}
}
