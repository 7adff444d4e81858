package worker

import (
	"context"
	"path/filepath"
	"strconv"
)

// taskLogStage opens the journal of a task and starts the relay that publishes from it. Teardown ends the log; the
// outcome still follows, and Run.publishOutcome waits for it.
type taskLogStage struct {
	dir    string // of the journals
	limit  int64  // bytes of log kept for one task
	outbox Publisher
	worker workerFacts
}

func (s taskLogStage) Name() string { return "task log" }

func (s taskLogStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	journal, err := openJournal(filepath.Join(s.dir, r.TaskID+"."+strconv.Itoa(r.Attempt)), s.limit)
	r.journal = journal
	r.startRelay(&relay{
		journal:       journal,
		publish:       s.outbox.Publish,
		taskID:        r.TaskID,
		attempt:       r.Attempt,
		workerID:      s.worker.ID,
		queue:         r.delivery.Queue,
		correlationID: r.delivery.CorrelationID,
		replyTo:       r.delivery.ReplyTo,
		traceparent:   r.delivery.Traceparent,
	})
	teardown := func(_ context.Context, out *Outcome) error {
		// Where an exit code says it all, the log is what the command wrote and nothing else.
		switch {
		case len(out.Problems) > 0:
			for _, p := range out.Problems {
				r.Logf("%s: %s", out.Reason, p)
			}
		case out.Reason != Completed && out.Reason != Failed:
			r.Logf("%s: %s", out.Reason, out.Message)
		}
		out.Log = journal.seal()
		return nil
	}
	if err != nil {
		return teardown, taskErrorf(ResourceUnavailable, "open the journal of the task: %w", err)
	}
	return teardown, nil
}
