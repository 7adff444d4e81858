package worker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// testStage writes down what is asked of it.
type testStage struct {
	name  string
	setup func(ctx context.Context) error
	trace *[]string
	none  bool // it has nothing to give back
}

func (s testStage) Name() string { return s.name }

func (s testStage) Setup(ctx context.Context, _ *Run) (Teardown, error) {
	*s.trace = append(*s.trace, "up "+s.name)
	teardown := func(ctx context.Context, _ *Outcome) error {
		*s.trace = append(*s.trace, "down "+s.name)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if s.name == "clumsy" {
			<-ctx.Done() // until its budget is used up
			return context.Cause(ctx)
		}
		return errors.New("a Teardown's error changes nothing")
	}
	if s.none {
		teardown = nil
	}
	if s.setup == nil {
		return teardown, nil
	}
	return teardown, s.setup(ctx)
}

// Stages are set up in order until one fails, and torn down in reverse, whatever happened.
func TestStages(t *testing.T) {
	reason := errors.New("reason of the test")
	for name, test := range map[string]struct {
		second func(ctx context.Context) error
		none   bool
		cancel bool // before anything
		want   []string
		err    error
	}{
		"all go well":        {want: []string{"up a", "up b", "up clumsy", "down clumsy", "down b", "down a"}},
		"one fails half-way": {second: func(context.Context) error { return reason }, err: reason, want: []string{"up a", "up b", "down b", "down a"}},
		"one fails at once":  {second: func(context.Context) error { return reason }, none: true, err: reason, want: []string{"up a", "up b", "down a"}},
		"nothing to undo":    {none: true, want: []string{"up a", "up b", "up clumsy", "down clumsy", "down a"}},
		"cancelled before":   {cancel: true, err: reason, want: []string{"up a", "down a"}}, // the first is the log
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var trace []string
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if test.cancel {
					cancel(reason)
				}
				book := &logBook{}
				r := &Run{Logger: slog.New(slog.NewTextHandler(book, nil))}
				undo, err := r.setUp(ctx, []Stage{
					testStage{name: "a", trace: &trace},
					testStage{name: "b", trace: &trace, setup: test.second, none: test.none},
					testStage{name: "clumsy", trace: &trace},
				})
				if !errors.Is(err, test.err) {
					t.Errorf("error: %v, want %v", err, test.err)
				}
				cancel(reason) // a cancelled task is torn down all the same
				undo(&Outcome{})
				if diff := cmp.Diff(test.want, trace); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if !book.has("cannot tear down a stage") {
					t.Error("the operator is not told of a Teardown that failed")
				}
				if test.err == nil && !book.has("tear down clumsy: took longer than 1m0s") {
					t.Error("a Teardown has no end")
				}
			})
		})
	}
}
