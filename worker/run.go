package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/mask"
	"github.com/docker-worker/docker-worker/worker/task"
)

// Run is one attempt at one task: what every stage may see, and nothing else. What a stage makes for itself lives in
// its Teardown's closure.
type Run struct {
	TaskID  string
	Attempt int        // 1 is the first
	Task    *task.Task // nil until the payload stage has parsed it

	Container   dockerapi.ContainerConfig // under construction until the container stage
	ContainerID string
	Image       imageFact

	Logger *slog.Logger // the operator's

	delivery    *Delivery
	idProblem   *task.Problem // with the message's id
	limits      task.Limits   // of the container
	metadata    json.RawMessage
	maxAttempts int // the default, until the task has said its own
	journal     *journal
	masker      *mask.Masker // of the task's secrets; nil for none
	checkpoint  *checkpointFile
	past        *history             // what an earlier process left in the journal; nil for a new attempt
	found       *dockerapi.Container // the container of an earlier process; nil where this one made it
	relayed     chan error           // gets one value when the relay ends
	relayCtx    context.Context
	stop        context.CancelCauseFunc // ends the life of the task, with a cause, as a timeout does
	sandboxed   bool                    // the network was ready before the task came
	usage       usage
	state       State
	times       Times
}

// Logf adds a line to the task's own log, where the person who wrote the task looks.
func (r *Run) Logf(format string, args ...any) {
	r.journal.logf("[docker-worker] "+format, args...)
}

// emit tells an event of the task.
func (r *Run) emit(event EventType, at time.Time, details any) {
	r.journal.emit(event, at, details)
}

// taskIDPattern is what a task id may look like: it becomes part of routing keys, container names and file names.
var taskIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func (w *Worker) newRun(d *Delivery) *Run {
	r := &Run{TaskID: d.MessageID, Attempt: d.Attempts + 1, delivery: d, state: Received, maxAttempts: min(w.cfg.Policy.MaxAttempts, task.DefaultMaxAttempts)}
	if !taskIDPattern.MatchString(d.MessageID) {
		r.TaskID = NewID()
		if d.MessageID != "" {
			r.idProblem = &task.Problem{Message: fmt.Sprintf("the message_id %q cannot be a task id: 1 to 128 letters, digits, '_' and '-' can; it is reported as %s",
				task.Bounded(d.MessageID), r.TaskID)}
		}
	}
	r.Logger = w.logger.With("task", r.TaskID, "attempt", r.Attempt)
	return r
}

// process takes one delivery from its arrival to its settlement. It returns when nothing of the task is left here. ctx
// is the worker's: its end cancels the task.
func (w *Worker) process(ctx context.Context, d *Delivery) {
	r := w.newRun(d)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The relay outlives a task that is cancelled, to tell its end; not when that is somebody else's to tell.
	var stopRelay context.CancelCauseFunc
	r.relayCtx, stopRelay = context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopRelay(nil)
	stopWatching := watch(r.relayCtx, d.Lost(), func() {
		stopRelay(ErrClaimLost) // first: the end of the task is not told
		cancel(ErrClaimLost)
	})
	defer stopWatching()

	leave, err := w.tasks.enter(ctx, r.TaskID, r.Attempt, cancel)
	if err != nil {
		w.giveBack(ctx, d)
		return
	}
	defer leave()
	if w.cfg.OnTask != nil {
		defer w.cfg.OnTask(r.TaskID)()
	}

	out := w.live(ctx, r)
	forget := true
	defer func() {
		if !forget {
			return
		}
		if err := errors.Join(r.checkpoint.remove(), r.journal.release()); err != nil {
			r.Logger.Error("cannot remove the journal of a task", "error", err)
		}
	}()
	if lost(d) {
		stopRelay(ErrClaimLost)
		<-r.relayed
		r.Logger.Warn("claim lost: the task is somebody else's now, and nothing more is said about it here")
		return
	}
	verdict := verdicts[out.Reason]
	out.Retrying = verdict.retry && r.Attempt < r.maxAttempts && !w.cfg.Once
	if !r.past.outcomeTold() {
		r.emit(out.Event(), time.Now().UTC(), r.outcomeDetails(&out))
	}
	r.journal.close()
	// A worker that must go tells the outcome as well; only now, when the container is gone, does its time for that begin.
	budget, endBudget := outlive(ctx, flushBudget, ErrClaimLost)
	defer endBudget()
	keepRelay := context.AfterFunc(budget, func() { stopRelay(context.Cause(budget)) })
	defer keepRelay()
	if err := <-r.relayed; err != nil {
		r.Logger.Error("the outcome was not confirmed; the task stays in the queue", "reason", out.Reason, "error", err)
		if ctx.Err() == nil {
			// Not for want of time or of a broker: the journal cannot be read. Another attempt has one of its own.
			out.Retrying = true
			w.settle(ctx, r, out)
			return
		}
		// The next process under this id finds it in the journal, if the claim is still ours then.
		forget = lost(d) || d.Until().IsZero()
		return
	}
	r.Logger.Info("task resolved", "reason", out.Reason, "exitCode", exitCode(out), "retrying", out.Retrying)
	w.counters.resolved(out.Reason)
	w.settle(ctx, r, out)
}

// live is the life of a task up to its outcome: the stages' Setup, the command, the stages' Teardown.
func (w *Worker) live(ctx context.Context, r *Run) Outcome {
	ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	undo, err := r.setUp(ctx, w.stages())
	if errors.Is(err, errDecided) {
		return w.conclude(ctx, r, undo)
	}
	var exit *Exit
	if err == nil {
		err = guard(func() (err error) {
			exit, err = w.exec(ctx, r)
			return err
		})
	}
	if err != nil && r.delivery.Resumed && r.ContainerID == "" {
		w.clear(ctx, r) // this process has not come as far as the earlier one
	}
	r.move(Finishing, nil)
	out := classify(ctx, err, exit, r.retryCodes())
	out.Usage = r.usage.summary(exit, r.limits)
	var bug *panicError
	if errors.As(err, &bug) {
		r.Logger.Error("a bug in docker-worker ended a task", "error", err, "stack", string(bug.stack))
	}
	if exit != nil && !exit.Started.IsZero() {
		r.times.Started, r.times.Finished = &exit.Started, &exit.Finished
	}
	out.Times = r.times
	r.journal.decide(verdictRecord{Outcome: out, Image: r.Image, Metadata: r.metadata})
	undo(&out)
	r.move(Resolved, nil)
	out.Times = r.times
	return out
}

// retryCodes are the exit codes after which the task wants to be tried again.
func (r *Run) retryCodes() []int {
	if r.Task == nil {
		return nil
	}
	return r.Task.OnExitStatus.Retry
}

// conclude is the rest of a life whose command an earlier process saw to its end: what is left of the task is removed,
// and the outcome stands in the journal.
func (w *Worker) conclude(ctx context.Context, r *Run, undo func(*Outcome)) Outcome {
	out := r.past.verdict.Outcome
	r.Image, r.metadata, r.times = r.past.verdict.Image, r.past.verdict.Metadata, out.Times
	r.move(Finishing, nil)
	w.keepRest(ctx, r, &out)
	w.clear(ctx, r)
	// Whether its exit code spoils the caches only the task knows, which is not read any more.
	out.Caches = w.caches.giveBack(r.cacheHolder(), out.Reason != Completed)
	undo(&out)
	r.move(Resolved, nil)
	out.Times = r.times
	return out
}

// exec runs the container's command, for as long as the task allows.
func (w *Worker) exec(ctx context.Context, r *Run) (*Exit, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := r.Task.MaxRunTime.Duration()
	var timer *time.Timer
	e := &execution{
		engine:     w.cfg.Engine,
		alive:      w.gate.await,
		ping:       w.gate.ping,
		keepsAlive: w.engine.LiveRestoreEnabled,
		replays:    w.logConfig().Type != noLog,
		journal:    r.journal,
		transcript: newTranscript(r.journal, r.masker),
		logger:     r.Logger.With("container", r.ContainerID),
		id:         r.ContainerID,
		tty:        r.Task.TTY,
		stdin:      r.Task.Stdin,
		grace:      r.Task.StopGrace.Duration(),
		lost:       r.delivery.Lost(),
	}
	started := func(at time.Time) {
		timer = time.AfterFunc(limit-time.Since(at), func() { cancel(fmt.Errorf("%w: %v", ErrTimeout, limit)) })
		r.move(Running, r.startedDetails())
	}
	stopMeasuring := r.usage.measure(ctx, w.cfg.Engine, r.ContainerID)
	defer stopMeasuring()
	var exit *Exit
	var err error
	if r.found == nil || r.found.State.StartedAt.Year() <= 1 {
		exit, err = e.run(ctx, started)
	} else {
		exit, err = e.adopt(ctx, *r.found, started)
	}
	if timer != nil {
		timer.Stop()
	}
	return exit, err
}

// startRelay begins to publish the journal. Its end is told to r.relayed.
func (r *Run) startRelay(rl *relay) {
	r.relayed = make(chan error, 1)
	go func() { r.relayed <- guard(func() error { return rl.run(r.relayCtx) }) }()
}

func (r *Run) startedDetails() startedDetails {
	return startedDetails{
		ContainerID:  r.ContainerID,
		Image:        r.Image,
		MaxRunTime:   r.Task.MaxRunTime,
		Network:      r.Task.Network,
		Sandbox:      r.sandboxed,
		Limits:       r.limits.Resources,
		Capabilities: r.Task.Capabilities,
	}
}

func (r *Run) outcomeDetails(out *Outcome) outcomeDetails {
	d := outcomeDetails{Outcome: out, Metadata: r.metadata}
	if r.Image.ID != "" {
		d.Image = &r.Image
	}
	return d
}

func exitCode(out Outcome) any {
	if out.ExitCode == nil {
		return nil
	}
	return *out.ExitCode
}

func lost(d *Delivery) bool {
	select {
	case <-d.Lost():
		return true
	default:
		return false
	}
}
