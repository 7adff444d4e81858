package worker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// adopt goes on with a container that an earlier process of this worker started, whether it runs or has ended since.
func (e *execution) adopt(ctx context.Context, c dockerapi.Container, started func(at time.Time)) (*Exit, error) {
	e.begin = func(time.Time) {}
	started(c.State.StartedAt)
	if !c.State.Running && hostStartedAfter(c.State.StartedAt) {
		return nil, taskErrorf(ResourceUnavailable, "the host was restarted while the command ran (exit code %d)", c.State.ExitCode)
	}
	e.logger.Info("going on with a container of an earlier process", "state", c.State.Status, "started", c.State.StartedAt)
	streams, closeStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer closeStreams()
	link, err := e.reconnect(streams)
	if err != nil {
		return nil, engineTrouble("go on with the container", err)
	}
	defer func() { e.transcript.end() }() // of whatever transcript is the last
	return e.watch(ctx, streams, link)
}

// resume finds out what became of the container when the engine went away, and never guesses: it returns new streams,
// of a container that still runs or has ended by itself, or an error.
func (e *execution) resume(ctx, streams context.Context, reason error) (*streamPair, error) {
	lostAt := time.Now()
	e.logger.Warn("lost the engine while a container runs", "error", reason)
	if !e.replays {
		e.journal.logf("[docker-worker] lost the connection to the Docker engine; what the command writes until it is back may be missing")
	}
	pause := gatePauseMin
	for {
		if err := e.alive(ctx); err != nil {
			return nil, err
		}
		c, err := e.engine.ContainerInspect(ctx, e.id)
		switch {
		case dockerapi.IsUnavailable(err): // it answers a ping, and no more so far
		case dockerapi.IsNotFound(err):
			return nil, taskErrorf(ResourceUnavailable, "the engine came back without the container")
		case err != nil:
			return nil, engineTrouble("inspect the container after the engine came back", err)
		case !c.State.Running && !e.keepsAlive && (c.State.ExitCode != 0 || !c.State.FinishedAt.Before(lostAt)):
			return nil, engineLeft(exitOf(c))
		case !c.State.Running && !e.replays:
			return exitedPair(c), nil // an attachment tells nothing more of it
		default:
			link, err := e.reconnect(streams)
			if err == nil {
				e.logger.Info("the engine is back, and the container with it", "state", c.State.Status)
				return link, nil
			}
			e.logger.Warn("cannot go on with the container, will try again", "in", pause, "error", err)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
		pause = min(2*pause, gatePauseMax)
	}
}

// reconnect gets the output and the exit of a container that was started before. Where the engine has kept the log it
// is read again, from its beginning, and what the journal has of it is passed over: nothing is missing and nothing comes
// twice. It is slower than to attach, so it is not the way of a container that was not lost sight of.
func (e *execution) reconnect(ctx context.Context) (*streamPair, error) {
	if !e.replays {
		return e.connect(ctx, dockerapi.WaitNotRunning, "")
	}
	output, err := e.engine.ContainerLogs(ctx, e.id, dockerapi.LogsOptions{Stdout: true, Stderr: true, Follow: true})
	if err != nil {
		return nil, fmt.Errorf("read the log again: %w", err)
	}
	e.transcript = e.transcript.again()
	return e.join(ctx, output, dockerapi.WaitNotRunning)
}

// hostStartedAfter tells whether this host was booted after t. An engine on another host is not asked: then it is false.
func hostStartedAfter(t time.Time) bool {
	file, err := os.Open("/proc/stat")
	if err != nil {
		return false
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, 1<<20))
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "btime "); ok {
			seconds, err := strconv.ParseInt(text, 10, 64)
			return err == nil && time.Unix(seconds, 0).After(t)
		}
	}
	return false
}
