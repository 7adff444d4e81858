package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/resident"
	"github.com/docker-worker/docker-worker/worker"
)

// serve connects the parts, runs the worker, and closes in order: intake, tasks, publisher, connections.
func serve(c *cli.Context, life *lifetimes, cfg worker.Config, dialer *amqp.Dialer, client *dockerapi.Client, logger *slog.Logger) error {
	systemd := newSupervisor(os.Getenv("NOTIFY_SOCKET"), logger)
	defer systemd.stopping()
	source, err := newSource(c, cfg.Queue, dialer, logger)
	if err != nil {
		return failure{exitConfig, err}
	}
	orders := newOrders(dialer, cfg.ID, c.String("control-exchange"), logger)
	publisher := amqp.NewPublisher(dialer, amqp.PublisherConfig{Exchange: c.String("events-exchange"), Declare: true, Logger: logger})
	cfg.Engine = worker.Docker(client)
	cfg.Source = source
	idler := resident.NewIdler(idleAfter, idleAgain, func(err error) { logger.Debug("cannot give memory back", "error", err) })
	defer idler.Stop()
	cfg.Events = &announcing{Publisher: brokerEvents{publisher}, ready: func() { systemd.ready("taking tasks from " + cfg.Queue) }}
	cfg.OnTask = func(taskID string) (gone func()) {
		end, release := idler.Begin(), orders.onTask(taskID)
		return func() { release(); end() }
	}
	w, err := worker.New(cfg)
	if err != nil {
		return failure{exitConfig, err}
	}
	orders.cancel, orders.drain = w.Cancel, life.drain

	// The engine is waited for while the broker is.
	startup, endStartup := context.WithTimeout(life.intake, c.Duration("startup-timeout"))
	greeted := make(chan error, 1)
	var greeting sync.WaitGroup
	greeting.Go(func() {
		greeted <- persist(startup, logger, func() error { return w.Greet(startup) }, dockerapi.IsTemporary)
	})
	defer func() { endStartup(); greeting.Wait() }()
	if err := awaitQueue(startup, dialer, cfg.Queue, logger); err != nil {
		return unlessStopped(life, err)
	}

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

	if err := <-greeted; err != nil {
		return unlessStopped(life, err)
	}
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

// The memory that only tasks, or the start, have needed is given back when nothing has run for idleAfter; what heartbeats
// and the making of sandboxes need, every idleAgain.
const (
	idleAfter = 2 * time.Second
	idleAgain = 20 * time.Second
)

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
