package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/worker"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run one task here and now, as a worker would, without a broker",
		UsageText: "docker-worker run [flags] FILE|-",
		Description: `The task's standard output and error come out as this program's own. Its exit code is this program's, 125 when the
task came to none (malformed, no image, no engine, interrupted), 126 and 127 as docker run has them.`,
		Flags: flags([]cli.Flag{
			&cli.BoolFlag{Name: "events", EnvVars: env("events"), Usage: "print every event as a line of JSON on standard output; the log goes to standard error"},
			&cli.StringFlag{Name: "worker-type", EnvVars: env("worker-type"), Usage: "`TYPE` of worker that the task is told"},
			sizeFlag("max-log-size", "1g", "", "log, `SIZE`, that is shown; beginning and end are kept, what is missing is counted"),
			&cli.DurationFlag{Name: "prepare-timeout", EnvVars: env("prepare-timeout"), Value: worker.DefaultPrepareTimeout, Usage: "longest `DURATION` of the pull of the image, and of putting the task's files into its container"},
		}, policyFlags(), transferFlags(), engineFlags(), logFlags("error")),
		Action: func(c *cli.Context) error {
			err := runLocally(c)
			return ownFailure(err)
		},
	}
}

// ownFailure makes every error of this program 125 where the other codes are the task's. Usage stays usage.
func ownFailure(err error) error {
	if err == nil {
		return nil
	}
	code, message := report(err)
	if message == "" || code == exitUsage {
		return err
	}
	return failure{exitException, err}
}

func runLocally(c *cli.Context) error {
	args, err := needArgs(c, "FILE")
	if err != nil {
		return err
	}
	logger, err := newLogger(c)
	if err != nil {
		return err
	}
	body, err := readTask(c, args[0])
	if err != nil {
		return err
	}
	policy, err := newPolicy(c)
	if err != nil {
		return err
	}
	logSize, err := sizeOf(c, "max-log-size")
	if err != nil {
		return err
	}
	client, err := newEngine(c, logger)
	if err != nil {
		return err
	}
	defer client.Close()

	life := newLifetimes(c.Context, time.Nanosecond, false, logger) // there is nothing to drain: the first signal stops the task
	defer life.end()
	dir, err := os.MkdirTemp("", "docker-worker-run-")
	if err != nil {
		return failure{exitConfig, fmt.Errorf("make a directory for the log: %w", err)}
	}
	defer os.RemoveAll(dir)
	transfers, err := newTransfers(c, filepath.Join(dir, "tmp"))
	if err != nil {
		return err
	}

	id := worker.NewID()
	show := &printer{stdout: c.App.Writer, stderr: c.App.ErrWriter, events: c.Bool("events")}
	intake, enough := context.WithCancel(life.intake)
	defer enough()
	w, err := worker.New(worker.Config{
		ID:             "run-" + id,
		Type:           c.String("worker-type"),
		Queue:          "",
		Engine:         worker.Docker(client),
		Source:         &single{task: &worker.Delivery{Body: body, MessageID: id, Claim: nowhere{enough}}},
		Events:         &localEvents{show: show},
		Logger:         logger,
		StateDir:       dir,
		Policy:         policy,
		Transfers:      transfers,
		Once:           true,
		MaxLogSize:     int64(logSize),
		PrepareTimeout: c.Duration("prepare-timeout"),
		Version:        version(),
	})
	if err != nil {
		return err
	}
	if err := w.Run(intake, life.work); err != nil {
		return err
	}
	if show.outcome != nil && show.outcome.Event == worker.TaskException {
		show.summary()
	}
	return show.exit()
}

// single is a queue that holds one task.
type single struct {
	mu   sync.Mutex
	task *worker.Delivery
}

func (s *single) Receive(ctx context.Context) (*worker.Delivery, error) {
	s.mu.Lock()
	task := s.task
	s.task = nil
	s.mu.Unlock()
	if task != nil {
		return task, nil
	}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (*single) Resume(context.Context) ([]*worker.Delivery, error) { return nil, nil }

// nowhere is the claim on a task that is in no queue: it cannot be lost, and once it is settled there is no more to do.
type nowhere struct{ settled func() }

func (nowhere) Lost() <-chan struct{}              { return nil }
func (nowhere) Until() time.Time                   { return time.Time{} }
func (nowhere) Hold(context.Context, int) error    { return nil }
func (n nowhere) Done(context.Context) error       { n.settled(); return nil }
func (n nowhere) DeadLetter(context.Context) error { n.settled(); return nil }
func (n nowhere) GiveBack(context.Context) error   { n.settled(); return nil }
func (n nowhere) Retry(context.Context, int) error { n.settled(); return nil }

// localEvents shows what a broker would get.
type localEvents struct {
	mu   sync.Mutex
	show *printer
}

func (e *localEvents) Publish(_ context.Context, messages ...worker.Message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range messages {
		var err error
		if m.Type == worker.TaskLog {
			err = e.show.log(m.Headers, m.Body)
		} else {
			err = e.show.event(m.Type, m.Body)
		}
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}
