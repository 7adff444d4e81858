package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/commandline"
	"github.com/docker-worker/docker-worker/worker"
)

// The exit codes are an interface: docs/configuration.md lists them, and supervisors act on them.
const (
	exitOK        = 0
	exitInternal  = 1   // something that none of the others is
	exitUsage     = 2   // unknown flag, wrong arguments
	exitConfig    = 3   // a value that cannot be; another worker with this id; a file that cannot be read
	exitBroker    = 4   // no broker reached, or it lets us not in
	exitEngine    = 5   // no engine reached
	exitQueue     = 6   // the queue does not exist
	exitMalformed = 7   // validate: it is not a task
	exitLeft      = 8   // start: SIGUSR2; the tasks go on, and whoever supervises should start this again
	exitNobody    = 9   // cancel, drain: nobody has the task, or no worker has the id
	exitException = 125 // run, submit --follow: the task did not come to an exit code of its own
)

// failure is an error with an exit code.
type failure struct {
	code int
	err  error // nil: the code says it all
}

func (f failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f failure) Unwrap() error { return f.err }

// report is the exit code for an error, and what to say, one line.
func report(err error) (code int, message string) {
	if err == nil {
		return exitOK, ""
	}
	if f, ok := errors.AsType[failure](err); ok {
		if f.err == nil {
			return f.code, ""
		}
		return f.code, err.Error()
	}
	if _, ok := errors.AsType[*commandline.UsageError](err); ok {
		return exitUsage, err.Error()
	}
	code = exitCodeOf(err)
	if e, ok := errors.AsType[*amqp.Error](err); ok && code == exitQueue {
		return code, err.Error() + "; to make it: docker-worker queue declare " + e.Queue
	}
	return code, err.Error()
}

func exitCodeOf(err error) int {
	_, isEngine := errors.AsType[*dockerapi.Error](err)
	_, isBroker := errors.AsType[*amqp.Error](err)
	_, isVersion := errors.AsType[*dockerapi.VersionError](err)
	_, isFile := errors.AsType[*fs.PathError](err) // the state directory
	switch {
	case errors.Is(err, worker.ErrInUse), isVersion:
		return exitConfig
	case amqp.IsNoQueue(err):
		return exitQueue
	case isBroker:
		return exitBroker
	case isEngine:
		return exitEngine
	case isFile:
		return exitConfig
	}
	return exitInternal
}

// needArgs checks the number of arguments.
func needArgs(c *cli.Context, names ...string) ([]string, error) {
	args := c.Args().Slice()
	if len(args) != len(names) {
		return nil, failure{exitUsage, fmt.Errorf("%d arguments given, %d needed: %s", len(args), len(names), c.Command.UsageText)}
	}
	return args, nil
}
