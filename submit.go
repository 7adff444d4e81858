package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/internal/signature"
	"github.com/docker-worker/docker-worker/worker"
)

func submitCommand() *cli.Command {
	return &cli.Command{
		Name:      "submit",
		Usage:     "send a task to a queue; with --follow, see it run",
		UsageText: "docker-worker submit [flags] QUEUE FILE|-",
		Description: `Prints the task's id on standard output once the broker has the task on disk.
With --follow the id goes to standard error, the task's output and errors come out as this program's own, and the
exit code is the task's: 125 for an exception, 126 and 127 as docker run has them. Interrupting this program does
not stop the task.`,
		Flags: flags([]cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, EnvVars: env("follow"), Usage: "show the log live, and end with the task"},
			&cli.BoolFlag{Name: "events", EnvVars: env("events"), Usage: "with --follow: print every event as a line of JSON on standard output; the log goes to standard error"},
			&cli.StringFlag{Name: "task-id", EnvVars: env("task-id"), DefaultText: "a new UUID", Usage: "`ID` of the task: 1 to 128 letters, digits, '_' and '-'"},
			&cli.UintFlag{Name: "priority", EnvVars: env("priority"), Usage: "`PRIORITY` of the message, 0 to 255, for queues that have priorities"},
			&cli.StringFlag{Name: "sign-with", EnvVars: env("sign-with"), Usage: "sign the task with the private key in `FILE`, for workers that trust its public key"},
		}, brokerFlags(), logFlags("warn")),
		Action: func(c *cli.Context) error {
			err := submit(c)
			if c.Bool("follow") {
				return ownFailure(err)
			}
			return err
		},
	}
}

func submit(c *cli.Context) error {
	args, err := needArgs(c, "QUEUE", "FILE")
	if err != nil {
		return err
	}
	logger, err := newLogger(c)
	if err != nil {
		return err
	}
	dialer, err := newDialer(c, logger)
	if err != nil {
		return err
	}
	body, err := readTask(c, args[1])
	if err != nil {
		return err
	}
	if c.Uint("priority") > 255 {
		return failure{exitConfig, fmt.Errorf("--priority %d: it is between 0 and 255", c.Uint("priority"))}
	}
	id := c.String("task-id")
	if id == "" {
		id = worker.NewID()
	}
	headers, err := signed(c, id, body)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	submitter, err := amqp.NewSubmitter(ctx, dialer)
	if err != nil {
		return err
	}
	defer submitter.Close()

	task := amqp.Publishing{
		Type:        "task",
		MessageID:   id,
		ContentType: "application/json",
		Timestamp:   time.Now(),
		Priority:    uint8(c.Uint("priority")),
		Headers:     headers,
		Body:        body,
	}
	if !c.Bool("follow") {
		if err := submitter.Submit(ctx, args[0], task); err != nil {
			return err
		}
		fmt.Fprintln(c.App.Writer, id)
		return nil
	}
	if task.ResponseTo, err = submitter.Listen(ctx); err != nil {
		return err
	}
	task.CorrelationID = id
	if err := submitter.Submit(ctx, args[0], task); err != nil {
		return err
	}
	fmt.Fprintln(c.App.ErrWriter, "task "+id)
	show := &printer{stdout: c.App.Writer, stderr: c.App.ErrWriter, events: c.Bool("events")}
	return follow(ctx, submitter, show)
}

// signed is the header that says who sends the task, where --sign-with asks for it.
func signed(c *cli.Context, id string, body []byte) (map[string]any, error) {
	if c.String("sign-with") == "" {
		return nil, nil
	}
	key, err := readKey("sign-with", c.String("sign-with"), signature.ParsePrivateKey)
	if err != nil {
		return nil, err
	}
	return map[string]any{signature.Header: signature.Sign(key, id, time.Now(), body)}, nil
}

// follow shows what comes back until the outcome of the last attempt.
func follow(ctx context.Context, submitter *amqp.Submitter, show *printer) error {
	for m, err := range submitter.Follow(ctx) {
		if err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted; the task goes on")
			}
			return fmt.Errorf("lost sight of the task, which goes on: %w", err)
		}
		if m.Type == string(worker.TaskLog) {
			err = show.log(m.Headers, m.Body)
		} else {
			err = show.event(worker.EventType(m.Type), m.Body)
		}
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
		if show.outcome != nil {
			show.summary()
			if !show.outcome.Retrying {
				return show.exit()
			}
			show.outcome = nil
		}
	}
	return show.exit()
}
