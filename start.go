package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/dockerapi"
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
			&cli.DurationFlag{Name: "prepare-timeout", EnvVars: env("prepare-timeout"), Value: worker.DefaultPrepareTimeout, Usage: "longest `DURATION` of the pull of an image"},
			sizeFlag("max-log-size", "1g", "", "log, `SIZE`, that is relayed for a task; beginning and end are kept, what is missing is counted"),
			sizeFlag("cache-size", "", "no limit", "caches, `SIZE` of all together, beyond which those that were not used for the longest time are removed"),
			&cli.DurationFlag{Name: "drain-timeout", EnvVars: env("drain-timeout"), Usage: "longest `DURATION` that running tasks are waited for after the first SIGTERM; 0 is no limit"},
			&cli.DurationFlag{Name: "startup-timeout", EnvVars: env("startup-timeout"), Value: time.Minute, Usage: "longest `DURATION` that a broker and an engine are waited for at the start; a queue that does not exist is not waited for"},
		}, policyFlags(), keyFlags(), identityFlags(), leaseFlags(), brokerFlags(), engineFlags(), logFlags("info")),
		OnUsageError: usageError,
		Action:       start,
	}
}

func start(c *cli.Context) error {
	args, err := needArgs(c, "QUEUE")
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

	life := newLifetimes(c.Context, c.Duration("drain-timeout"), c.Duration("lease") > 0, logger)
	defer life.end()
	if err := awaitServices(life.intake, c.Duration("startup-timeout"), dialer, args[0], client, logger); err != nil {
		if life.intake.Err() != nil {
			return nil // told to stop before it began
		}
		return err
	}
	return serve(c, life, args[0], dialer, client, logger)
}

// awaitServices returns when queue and engine have answered. What does not pass by waiting is an error at once.
func awaitServices(ctx context.Context, limit time.Duration, dialer *amqp.Dialer, queue string, client *dockerapi.Client, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := persist(ctx, logger, func() error {
		_, err := dialer.InspectQueue(ctx, queue)
		return err
	}, func(err error) bool { return amqp.IsUnreachable(err) })
	if err != nil {
		return err
	}
	return persist(ctx, logger, func() error {
		_, err := client.Negotiate(ctx)
		if err == nil {
			// An engine that has just started may answer before it can do anything.
			_, err = client.SystemInfo(ctx)
		}
		return err
	}, dockerapi.IsTemporary)
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

// serve connects the parts, runs the worker, and closes in order: intake, tasks, publisher, connections.
func serve(c *cli.Context, life *lifetimes, queue string, dialer *amqp.Dialer, client *dockerapi.Client, logger *slog.Logger) error {
	capacity := c.Int("capacity")
	systemd := newSupervisor(os.Getenv("NOTIFY_SOCKET"), logger)
	defer systemd.stopping()
	source, err := newSource(c, queue, dialer, logger)
	if err != nil {
		return failure{exitConfig, err}
	}
	policy, err := newPolicy(c)
	if err != nil {
		return err
	}
	keys, err := newKeys(c)
	if err != nil {
		return err
	}
	logSize, err := sizeOf(c, "max-log-size")
	if err != nil {
		return err
	}
	cacheSize, err := sizeOf(c, "cache-size")
	if err != nil {
		return err
	}
	orders := newOrders(dialer, c.String("worker-id"), c.String("control-exchange"), logger)
	publisher := amqp.NewPublisher(dialer, amqp.PublisherConfig{Exchange: c.String("events-exchange"), Declare: true, Logger: logger})
	w, err := worker.New(worker.Config{
		ID:             c.String("worker-id"),
		Type:           c.String("worker-type"),
		Queue:          queue,
		Engine:         worker.Docker(client),
		Source:         source,
		Events:         &announcing{Publisher: brokerEvents{publisher}, ready: func() { systemd.ready("taking tasks from " + queue) }},
		Logger:         logger,
		StateDir:       c.String("state-dir"),
		Capacity:       capacity,
		Policy:         policy,
		Keys:           keys,
		MaxLogSize:     int64(logSize),
		KeepLog:        source.leases != nil && c.String("log-journal") != "none",
		PrepareTimeout: c.Duration("prepare-timeout"),
		CacheSize:      int64(cacheSize),
		Version:        version(),
		OnTask:         orders.onTask,
	})
	if err != nil {
		return failure{exitConfig, err}
	}
	orders.cancel, orders.drain = w.Cancel, life.drain

	connections, disconnect := context.WithCancel(context.WithoutCancel(life.work))
	var sessions sync.WaitGroup
	sessions.Go(func() { endedBy(source.Run(connections), logger) })
	sessions.Go(func() { endedBy(publisher.Run(connections), logger) })
	sessions.Go(func() { endedBy(orders.control.Run(connections), logger) })
	defer func() { disconnect(); sessions.Wait() }()

	stopIntake := context.AfterFunc(life.intake, func() {
		systemd.status("taking no more tasks; those that run go on to their end")
		if err := source.StopConsuming(connections); err != nil && connections.Err() == nil {
			logger.Warn("cannot end the intake in order", "error", err)
		}
	})
	defer stopIntake()

	logger.Info("starting", "version", version(), "lease", source.cost(c.Duration("lease")))
	ended := make(chan error, 1)
	go func() { ended <- w.Run(life.intake, life.work) }()
	select {
	case err := <-ended:
		if err == nil {
			logger.Info("stopped")
		}
		return err
	case <-life.leave:
		leave(w, logger)
		return nil
	}
}

// newSource makes the intake that --lease asks for.
func newSource(c *cli.Context, queue string, dialer *amqp.Dialer, logger *slog.Logger) (brokerSource, error) {
	id := c.String("worker-id")
	if c.Duration("lease") == 0 {
		held := amqp.NewConsumer(dialer, amqp.ConsumerConfig{Queue: queue, Prefetch: c.Int("capacity"), Tag: id, Logger: logger})
		return brokerSource{intake: held, logger: logger}, nil
	}
	classic := c.String("claims-queue") == "classic"
	leases, err := amqp.NewLeaseConsumer(dialer, amqp.LeaseConfig{
		Queue: queue, WorkerID: id, Lease: c.Duration("lease"), Classic: classic, Tag: id, Logger: logger,
	})
	return brokerSource{intake: leases, leases: leases, logger: logger}, err
}

// cost says in a line what the way of holding tasks means to an operator.
func (s brokerSource) cost(lease time.Duration) string {
	if s.leases == nil {
		return "none: the broker's consumer_timeout (30 minutes by default) bounds a task, and a lost connection ends it"
	}
	return fmt.Sprintf("%v: the longest outage of the broker that a task survives, and how long the tasks of a lost host wait", lease)
}

// leave ends the process and leaves its tasks running, for the next one under this id. Everything that it needs is on
// disk and at the broker at any time, so there is nothing to write; only a claim must not be cut in two.
func leave(w *worker.Worker, logger *slog.Logger) {
	whole := make(chan struct{})
	go func() { w.Leave(); close(whole) }()
	select {
	case <-whole:
	case <-time.After(leavePatience):
		logger.Warn("a claim is still on its way; leaving all the same")
	}
	logger.Info("left; the tasks go on running, and the next start under this id takes them up")
	os.Exit(exitLeft)
}

// leavePatience bounds the wait for claims on their way, which a broker that is away can make long.
const leavePatience = 5 * time.Second

func endedBy(err error, logger *slog.Logger) {
	if err != nil && !errors.Is(err, context.Canceled) {
		logger.Error("a session with the broker ended", "error", err)
	}
}
