package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/worker"
)

func startCommand() *cli.Command {
	return &cli.Command{
		Name:      "start",
		Usage:     "take tasks from a queue and run them, until told to stop",
		UsageText: "docker-worker start [flags] QUEUE",
		Description: `The queue must exist: docker-worker never makes or changes one here (docker-worker queue declare does).

Signals: the first SIGTERM or SIGINT ends the intake; running tasks go on to their end (or to --drain-timeout).
The second stops their containers, puts the tasks back on the queue, and ends. SIGUSR2, with a lease, ends this
process at once and leaves the containers running: the next start under the same id goes on with them.

Exit codes: 0 stopped as asked; 2 usage; 3 configuration; 4 broker; 5 engine; 6 no such queue;
8 left by SIGUSR2, to be started again.`,
		Flags: flags([]cli.Flag{
			&cli.IntFlag{Name: "capacity", EnvVars: env("capacity"), Value: runtime.NumCPU(), DefaultText: "number of CPUs", Usage: "run up to `N` tasks at a time"},
			&cli.StringFlag{Name: "worker-type", EnvVars: env("worker-type"), Usage: "`TYPE` of this worker, told in events and to the tasks"},
			&cli.StringFlag{Name: "log-journal", EnvVars: env("log-journal"), Value: "engine", Usage: "`WHERE` a log is kept beside this worker, for one that comes back to its containers: engine or none (faster; output of the time between is lost)"},
			eventsFlag(),
			controlFlag(),
			&cli.DurationFlag{Name: "prepare-timeout", EnvVars: env("prepare-timeout"), Value: worker.DefaultPrepareTimeout, Usage: "longest `DURATION` of the pull of an image, and of putting a task's files into its container"},
			sizeFlag("max-log-size", "1g", "", "log, `SIZE`, that is relayed for a task; beginning and end are kept, what is missing is counted"),
			sizeFlag("cache-size", "", "no limit", "caches, `SIZE` of all together, beyond which those that were not used for the longest time are removed"),
			subnetsFlag(),
			&cli.DurationFlag{Name: "drain-timeout", EnvVars: env("drain-timeout"), Usage: "longest `DURATION` that running tasks are waited for after the first SIGTERM; 0 is no limit"},
			&cli.DurationFlag{Name: "startup-timeout", EnvVars: env("startup-timeout"), Value: time.Minute, Usage: "longest `DURATION` that a broker and an engine are waited for at the start; a queue that does not exist is not waited for"},
		}, sandboxFlags(), policyFlags(), transferFlags(), keyFlags(), identityFlags(), leaseFlags(), brokerFlags(), engineFlags(), logFlags("info")),
		Action: start,
	}
}

func start(c *cli.Context) error {
	args, err := needArgs(c, "QUEUE")
	if err != nil {
		return err
	}
	if err := checkEnvironment(c); err != nil {
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
	client, err := newEngine(c, logger)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := worker.CheckID(c.String("worker-id")); err != nil {
		return failure{exitConfig, err}
	}
	if n := c.Int("capacity"); n < 1 || n > 4096 {
		return failure{exitConfig, fmt.Errorf("--capacity %d: it is between 1 and 4096", n)}
	}

	if err := oneOf(c, "claims-queue", "quorum", "classic"); err != nil {
		return err
	}
	if err := oneOf(c, "log-journal", "engine", "none"); err != nil {
		return err
	}

	cfg, err := workerConfig(c, args[0], logger)
	if err != nil {
		return err
	}

	life := newLifetimes(c.Context, c.Duration("drain-timeout"), c.Duration("lease") > 0, logger)
	defer life.end()
	return serve(c, life, cfg, dialer, client, logger)
}

// unlessStopped is the error of a start that nobody has stopped.
func unlessStopped(life *lifetimes, err error) error {
	if life.intake.Err() != nil {
		return nil
	}
	return err
}

// workerConfig is what the flags say of the worker. It is checked before anybody is asked.
func workerConfig(c *cli.Context, queue string, logger *slog.Logger) (worker.Config, error) {
	cfg := worker.Config{
		ID:             c.String("worker-id"),
		Type:           c.String("worker-type"),
		Queue:          queue,
		Logger:         logger,
		StateDir:       c.String("state-dir"),
		Capacity:       c.Int("capacity"),
		KeepLog:        c.Duration("lease") > 0 && c.String("log-journal") != "none",
		PrepareTimeout: c.Duration("prepare-timeout"),
		Version:        version(),
	}
	var err error
	if cfg.Policy, err = newPolicy(c); err != nil {
		return cfg, err
	}
	if cfg.Keys, err = newKeys(c); err != nil {
		return cfg, err
	}
	if cfg.Transfers, err = newTransfers(c, filepath.Join(cfg.StateDir, cfg.ID, "tmp")); err != nil {
		return cfg, err
	}
	if cfg.ServiceSubnets, err = subnetsOf(c); err != nil {
		return cfg, err
	}
	if cfg.Sandboxes, err = newSandboxes(c); err != nil {
		return cfg, err
	}
	for flag, size := range map[string]*int64{"max-log-size": &cfg.MaxLogSize, "cache-size": &cfg.CacheSize} {
		n, err := sizeOf(c, flag)
		if err != nil {
			return cfg, err
		}
		*size = int64(n)
	}
	return cfg, nil
}

// awaitQueue returns when the queue has answered. What does not pass by waiting is an error at once.
func awaitQueue(ctx context.Context, dialer *amqp.Dialer, queue string, logger *slog.Logger) error {
	return persist(ctx, logger, func() error {
		_, err := dialer.InspectQueue(ctx, queue)
		return err
	}, func(err error) bool { return amqp.IsUnreachable(err) })
}

// persist tries until it works, ctx ends, or the error is not one that passes. It returns the last error of the trying.
func persist(ctx context.Context, logger *slog.Logger, try func() error, passes func(error) bool) error {
	pause := 250 * time.Millisecond
	for {
		err := try()
		if err == nil || !passes(err) {
			return err
		}
		deadline, _ := ctx.Deadline()
		if ctx.Err() != nil || time.Until(deadline) < pause {
			return fmt.Errorf("gave up after the --startup-timeout: %w", err)
		}
		logger.Warn("not ready, will try again", "in", pause, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("gave up: %w", err)
		}
		pause = min(2*pause, 5*time.Second)
	}
}
