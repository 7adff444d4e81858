package worker

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"time"
)

// taskLogStage opens the journal of a task and starts the relay that publishes from it. Teardown ends the log; the
// outcome still follows, and Run.publishOutcome waits for it.
type taskLogStage struct {
	dir    string // of the journals
	limit  int64  // bytes of log kept for one task
	outbox Publisher
	worker workerFacts
	whole  wholeLog
}

func (s taskLogStage) Name() string { return "task log" }

// teardownTime makes taskLogStage patient: a log can be large.
func (s taskLogStage) teardownTime() time.Duration { return s.whole.limit }

func (s taskLogStage) Setup(life context.Context, r *Run) (Teardown, error) {
	path := journalPath(s.dir, r.TaskID, r.Attempt)
	var err error
	if r.delivery.Resumed {
		r.journal, r.past, err = reopenJournal(path, s.limit)
	} else {
		r.journal, err = openJournal(path, s.limit)
	}
	journal := r.journal
	var at checkpoint
	if err == nil {
		r.checkpoint, at, err = openCheckpoint(path, !r.delivery.Resumed)
	}
	r.startRelay(&relay{
		journal:       journal,
		at:            at,
		durable:       r.checkpoint,
		logger:        r.Logger,
		publish:       s.outbox.Publish,
		taskID:        r.TaskID,
		attempt:       r.Attempt,
		workerID:      s.worker.ID,
		queue:         r.delivery.Queue,
		correlationID: r.delivery.CorrelationID,
		replyTo:       r.delivery.ReplyTo,
		traceparent:   r.delivery.Traceparent,
	})
	teardown := func(ctx context.Context, out *Outcome) error {
		if r.past.outcomeTold() {
			return nil // and nothing may follow it
		}
		// Where an exit code says it all, the log is what the command wrote and nothing else.
		switch {
		case len(out.Problems) > 0:
			for _, p := range out.Problems {
				r.Logf("%s: %s", out.Reason, p)
			}
		case out.Reason != Completed && out.Reason != Failed || out.Reason == Failed && out.ExitCode == nil:
			r.Logf("%s: %s", out.Reason, out.Message)
		}
		out.Log = journal.seal()
		s.whole.keep(ctx, life, r, out)
		return nil
	}
	switch {
	case err != nil:
		return teardown, taskErrorf(ResourceUnavailable, "open the journal of the task: %w", err)
	case r.past.decided():
		return teardown, errDecided
	}
	return teardown, nil
}

// errDecided ends the Setup of a task whose command an earlier process saw to its end.
var errDecided = errors.New("the task's command has ended already")

// journalPath is a function of task and attempt, so that a worker that comes back finds it.
func journalPath(dir, taskID string, attempt int) string {
	return filepath.Join(dir, taskID+"."+strconv.Itoa(attempt))
}
