package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/worker"
)

func reapCommand() *cli.Command {
	return &cli.Command{
		Name:      "reap",
		Usage:     "remove what a worker that does not run has left behind",
		UsageText: "docker-worker reap [flags] QUEUE",
		Description: `Containers, sandboxes, networks and journals that carry this worker's id and that none of its claims explains. What a claim explains is
left for the worker to go on with. A worker that runs reaps by itself, at its start and every minute.`,
		Flags: flags([]cli.Flag{
			&cli.BoolFlag{Name: "dry-run", EnvVars: env("dry-run"), Usage: "tell what would be removed, and remove nothing"},
		}, identityFlags(), leaseFlags(), brokerFlags(), engineFlags(), logFlags("error")),
		Action: reap,
	}
}

func reap(c *cli.Context) error {
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
	source, err := newSource(c, args[0], dialer, logger)
	if err != nil {
		return failure{exitConfig, err}
	}
	w, err := worker.New(worker.Config{
		ID:       c.String("worker-id"),
		Engine:   worker.Docker(client),
		Source:   source,
		Events:   &localEvents{}, // nothing is told
		Logger:   logger,
		StateDir: c.String("state-dir"),
	})
	if err != nil {
		return failure{exitConfig, err}
	}
	if _, err := dialer.InspectQueue(c.Context, args[0]); err != nil {
		return err
	}

	connection, disconnect := context.WithCancel(c.Context)
	var session sync.WaitGroup
	session.Go(func() { endedBy(source.Run(connection), logger) })
	found, err := w.Reap(connection, c.Bool("dry-run"))
	disconnect()
	session.Wait()
	if errors.Is(err, worker.ErrInUse) {
		return failure{exitConfig, fmt.Errorf("worker %s runs on this host, and reaps by itself", c.String("worker-id"))}
	}

	out := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	for _, l := range found {
		fmt.Fprintf(out, "%s\t%s\ttask %s\tattempt %s\t%s\n", l.Kind, l.Name, l.TaskID, l.Attempt, l.Created.UTC().Format(time.RFC3339))
	}
	if ferr := out.Flush(); err == nil {
		err = ferr
	}
	return err
}
