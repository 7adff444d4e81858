package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/worker"
)

// orders are what a worker hears from others: cancel a task, drain.
type orders struct {
	control *amqp.Control
	cancel  func(taskID string) (here bool)
	drain   func()
}

// newOrders makes the ear; cancel and drain are set before it runs.
func newOrders(dialer *amqp.Dialer, workerID, exchange string, logger *slog.Logger) *orders {
	o := &orders{}
	o.control = amqp.NewControl(dialer, amqp.ControlConfig{WorkerID: workerID, Exchange: exchange, Logger: logger, Handle: o.handle})
	return o
}

func (o *orders) handle(_ context.Context, order amqp.Order) {
	switch order.Command {
	case amqp.CancelTask, amqp.RememberTask:
		o.cancel(order.ID)
	case amqp.DrainWorker:
		o.drain()
	}
}

// onTask makes orders about the task come here while it is here. It does not wait until that is so: an order that is
// quicker reaches the task as one for all workers.
func (o *orders) onTask(taskID string) (gone func()) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	release := o.control.Watch(now, taskID)
	return func() { release(now) }
}

func cancelCommand() *cli.Command {
	return &cli.Command{
		Name:      "cancel",
		Usage:     "stop a task, wherever it runs, and wait for its outcome",
		UsageText: "docker-worker cancel [flags] TASKID",
		Description: `The worker that has the task stops it (stop signal, grace, SIGKILL) and reports it as canceled. When nobody has it,
it may still be in the queue: every worker remembers the order for an hour and cancels the task should it get it.

Exit codes: 0 the task has ended; 9 nobody has it; 1 no outcome came within --timeout.`,
		Flags: flags([]cli.Flag{
			&cli.DurationFlag{Name: "timeout", EnvVars: env("timeout"), Value: 2 * time.Minute, Usage: "longest `DURATION` to wait for the outcome"},
			controlFlag(), eventsFlag(),
		}, brokerFlags(), logFlags("warn")),
		Action: cancelTask,
	}
}

func drainCommand() *cli.Command {
	return &cli.Command{
		Name:      "drain",
		Usage:     "tell a worker to take no more tasks, and to end when the running ones have",
		UsageText: "docker-worker drain [flags] WORKERID",
		Description: `The same as SIGTERM to its process. Returns when the worker has said that it drains.

Exit codes: 0 it drains; 9 no worker of that id hears; 1 it said nothing within --timeout.`,
		Flags: flags([]cli.Flag{
			&cli.DurationFlag{Name: "timeout", EnvVars: env("timeout"), Value: 30 * time.Second, Usage: "longest `DURATION` to wait for the worker's word"},
			controlFlag(), eventsFlag(),
		}, brokerFlags(), logFlags("warn")),
		Action: drainWorker,
	}
}

func cancelTask(c *cli.Context) error {
	return command(c, "TASKID", func(ctx context.Context, s *amqp.Submitter, id string) error {
		if err := s.Observe(ctx, c.String("events-exchange"), "task.completed."+id, "task.failed."+id, "task.exception."+id); err != nil && !amqp.IsNoExchange(err) {
			return err
		}
		// For all workers first: one that gets the task a moment later must know.
		err := s.Send(ctx, c.String("control-exchange"), amqp.Order{Command: amqp.RememberTask, ID: id})
		if err != nil && !errors.Is(err, amqp.ErrUnroutable) && !amqp.IsNoExchange(err) {
			return err
		}
		err = s.Send(ctx, c.String("control-exchange"), amqp.Order{Command: amqp.CancelTask, ID: id})
		if errors.Is(err, amqp.ErrUnroutable) || amqp.IsNoExchange(err) {
			return failure{exitNobody, fmt.Errorf("nobody has task %s now; workers that run remember the order for an hour", id)}
		}
		if err != nil {
			return err
		}
		for m, err := range s.Follow(ctx) {
			if err != nil {
				return fmt.Errorf("task %s was told to stop, and its outcome is not known: %w", id, err)
			}
			show := &printer{stdout: c.App.Writer, stderr: c.App.Writer}
			if err := show.event(worker.EventType(m.Type), m.Body); err != nil {
				return err
			}
			show.summary()
			if !show.outcome.Retrying {
				return nil
			}
		}
		return nil
	})
}

func drainWorker(c *cli.Context) error {
	return command(c, "WORKERID", func(ctx context.Context, s *amqp.Submitter, id string) error {
		if err := s.Observe(ctx, c.String("events-exchange"), "worker.draining."+id); err != nil && !amqp.IsNoExchange(err) {
			return err
		}
		err := s.Send(ctx, c.String("control-exchange"), amqp.Order{Command: amqp.DrainWorker, ID: id})
		if errors.Is(err, amqp.ErrUnroutable) || amqp.IsNoExchange(err) {
			return failure{exitNobody, fmt.Errorf("no worker %s listens", id)}
		}
		if err != nil {
			return err
		}
		for m, err := range s.Follow(ctx) {
			if err != nil {
				return fmt.Errorf("worker %s was told to drain, and has not said so: %w", id, err)
			}
			var said struct{ Running []string }
			if err := json.Unmarshal(m.Body, &said); err != nil {
				return fmt.Errorf("read the worker's word: %w", err)
			}
			fmt.Fprintf(c.App.Writer, "worker %s drains; %d tasks are running\n", id, len(said.Running))
			return nil
		}
		return nil
	})
}

// command is what the commands that give an order have in common: one argument, a connection with an ear, a time limit.
func command(c *cli.Context, argument string, do func(ctx context.Context, s *amqp.Submitter, id string) error) error {
	args, err := needArgs(c, argument)
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
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	limit := c.Duration("timeout")
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("nothing was heard for %v", limit))
	defer cancel()
	s, err := amqp.NewSubmitter(ctx, dialer)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Listen(ctx); err != nil {
		return err
	}
	return do(ctx, s, args[0])
}
