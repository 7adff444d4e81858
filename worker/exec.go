package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const (
	// drainLog is how long the end of the output is awaited after the exit. The two arrive on different connections,
	// and a child that the command left behind may hold the stream open for ever.
	drainLog = 10 * time.Second
	// stopMargin is how long the engine may take beyond the grace to stop a container and to say so.
	stopMargin = 30 * time.Second
)

// execution is the running of one container's process, from attach to exit.
type execution struct {
	engine     Engine
	alive      func(ctx context.Context) error // returns when the engine answers
	ping       func(ctx context.Context) error // asks once whether it does
	keepsAlive bool                            // containers survive a restart of the engine (live-restore)
	replays    bool                            // the engine keeps a copy of the log that can be read again
	journal    *journal
	transcript *transcript // of the output; another one when it is read again from its beginning
	logger     *slog.Logger

	id    string
	tty   bool
	stdin string          // the command's whole input; "" is none
	grace time.Duration   // between the stop signal and SIGKILL
	lost  <-chan struct{} // the claim is gone: somebody else may start this task any moment

	begun sync.Once // the start was told, or there was none
	begin func(at time.Time)
}

// run starts the container, calls started, and waits for the end. A nil error means that the command ended by itself.
// Otherwise the error says why not, and the exit is there all the same when a process was stopped.
func (e *execution) run(ctx context.Context, started func(at time.Time)) (*Exit, error) {
	// The streams outlive a cancelled task: its last words are read while it is being stopped.
	streams, closeStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer closeStreams()

	// A command may have spoken, and even ended, before the engine says that it was started. The start comes first all
	// the same: whoever hears of it first tells it.
	e.begin = func(at time.Time) { e.begun.Do(func() { started(at) }) }

	// The order is attach, wait, start. Attached later, a short command's output is lost; waited for later, its exit.
	link, err := e.connect(streams, dockerapi.WaitNextExit, e.stdin)
	if err != nil {
		return nil, engineTrouble("prepare the start", err)
	}
	defer func() { e.transcript.end() }() // of whatever transcript is the last
	defer link.close()
	if err := e.start(ctx); err != nil {
		e.begun.Do(func() {})
		return nil, startError(ctx, err)
	}
	e.begin(time.Now())
	return e.watch(ctx, streams, link)
}

// watch waits for the end of a container that runs, and closes link.
func (e *execution) watch(ctx, streams context.Context, link *streamPair) (exit *Exit, err error) {
	defer func() { link.close() }()
	for {
		select {
		case end := <-link.exit:
			if end.err == nil {
				return e.ended(ctx, link, end.status)
			}
			link.close()
			if link, err = e.resume(ctx, streams, end.err); err != nil {
				link = &streamPair{}
				return nil, err
			}
		case <-ctx.Done():
			return e.stop(ctx, link)
		}
	}
}

// start has the engine start the container. A cancel does not cut the call off: the process may run already, and is then
// stopped in order.
func (e *execution) start(ctx context.Context) error {
	ctx, cancel := outlive(ctx, stopMargin, ErrClaimLost)
	defer cancel()
	return e.engine.ContainerStart(ctx, e.id)
}

// ended waits for the last of the output and asks the engine how the process ended.
func (e *execution) ended(ctx context.Context, link *streamPair, status dockerapi.ExitStatus) (*Exit, error) {
	timer := time.NewTimer(drainLog)
	defer timer.Stop()
	select {
	case <-link.copied:
	case <-timer.C:
		e.journal.logf("[docker-worker] the command has exited, but something it started still holds its output open; what comes after %v is dropped", drainLog)
	}
	if status.Error != "" {
		e.logger.Warn("the engine reports an error with the exit", "error", status.Error)
	}
	exit := &Exit{Code: int(status.StatusCode)}
	// A cancel that comes now is too late: the command has ended by itself.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopMargin)
	defer cancel()
	c, err := e.engine.ContainerInspect(ctx, e.id)
	if err != nil {
		e.logger.Warn("cannot inspect the container after its exit: times and memory kills are not known", "error", err)
		return exit, nil
	}
	if err := e.startFailure(ctx, c); err != nil {
		return nil, err
	}
	return e.own(ctx, exitOf(c))
}

// own tells a command that failed from one that the engine stopped because it shuts down itself: until it is gone it
// answers on the connections that are open, exits included, but takes no new one. An exit code of 0 is taken as it is.
func (e *execution) own(ctx context.Context, exit *Exit) (*Exit, error) {
	if !mayBeEngines(exit.Code, e.keepsAlive) || !dockerapi.IsUnavailable(e.ping(ctx)) {
		return exit, nil
	}
	return nil, engineLeft(exit)
}

// mayBeEngines tells whether an engine that shuts down may have ended a command so. One that keeps its containers alive
// stops those that it has not counted yet all the same (Docker 20.10, about a second after their start): by SIGTERM or
// SIGKILL.
func mayBeEngines(exitCode int, keepsAlive bool) bool {
	if keepsAlive {
		return exitCode == 128+15 || exitCode == 128+9
	}
	return exitCode != 0
}

// engineLeft is the end of a container that was the engine's doing.
func engineLeft(exit *Exit) error {
	return taskErrorf(ResourceUnavailable, "the engine went away and took the container with it (exit code %d)", exit.Code)
}

func exitOf(c dockerapi.Container) *Exit {
	return &Exit{Code: c.State.ExitCode, OOMKilled: c.State.OOMKilled, Started: c.State.StartedAt, Finished: c.State.FinishedAt}
}

// stop ends the process: stop signal, grace, SIGKILL; at once when the claim is gone. The error is the cause.
func (e *execution) stop(ctx context.Context, link *streamPair) (*Exit, error) {
	cause := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.grace+stopMargin)
	defer cancel()

	stopped := make(chan struct{})
	stopping, endStop := context.WithCancel(ctx)
	go func() {
		defer close(stopped)
		if errors.Is(cause, ErrClaimLost) {
			return
		}
		// The engine sends the container's own stop signal, waits, and kills.
		if err := e.engine.ContainerStop(stopping, e.id, dockerapi.StopOptions{Timeout: e.grace}); err != nil && stopping.Err() == nil {
			e.logger.Warn("cannot stop the container, will kill it", "error", err)
		}
	}()
	defer func() { endStop(); <-stopped }()

	lost := e.lost
	kill := stopped
	for {
		select {
		case end := <-link.exit:
			if end.err != nil {
				return nil, cause
			}
			exit, _ := e.ended(ctx, link, end.status)
			return exit, cause
		case <-lost:
			// Somebody else may begin: the grace is over.
			lost = nil
			endStop()
		case <-kill:
			kill = nil
			if err := e.engine.ContainerKill(ctx, e.id, "SIGKILL"); err != nil {
				e.logger.Error("cannot kill the container", "error", err)
			}
		case <-ctx.Done():
			return nil, cause
		}
	}
}

// startError says whose fault it is that a container did not start.
func startError(ctx context.Context, err error) error {
	switch {
	case dockerapi.IsCommandNotFound(err):
		return &TaskError{Reason: StartFailed, ExitCode: 127, Err: fmt.Errorf("start the command: %w", err)}
	case dockerapi.IsCommandNotExecutable(err):
		return &TaskError{Reason: StartFailed, ExitCode: 126, Err: fmt.Errorf("start the command: %w", err)}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case dockerapi.IsInvalid(err):
		return &TaskError{Reason: StartFailed, ExitCode: 126, Err: fmt.Errorf("start the container: %w", err)}
	}
	return engineTrouble("start the container", err)
}
