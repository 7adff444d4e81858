package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/worker"
	"github.com/docker-worker/docker-worker/worker/task"
)

func cacheCommand() *cli.Command {
	flags := flags(identityFlags(), engineFlags(), logFlags("error"))
	return &cli.Command{
		Name:      "cache",
		Usage:     "list and remove the caches of a worker on this host",
		UsageText: "docker-worker cache ls|purge [flags] [NAME…]",
		Subcommands: []*cli.Command{
			{
				Name:      "ls",
				Usage:     "list the caches: name, volume, size, when each was used last, and what has it now",
				UsageText: "docker-worker cache ls [flags]",
				Flags:     flags,
				Action:    listCaches,
			},
			{
				Name:      "purge",
				Usage:     "remove caches, all or those of the names; the worker may run meanwhile",
				UsageText: "docker-worker cache purge [flags] [NAME…]",
				Description: `What a task has at the moment is left alone, and the exit code is 1 then. A task that comes later gets an
empty cache.`,
				Flags:  flags,
				Action: purgeCaches,
			},
		},
	}
}

func listCaches(c *cli.Context) error {
	if _, err := needArgs(c); err != nil {
		return err
	}
	engine, done, err := cacheEngine(c)
	if err != nil {
		return err
	}
	defer done()
	found, err := worker.ListCaches(c.Context, engine, c.String("worker-id"), c.String("state-dir"))
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	for _, cache := range found {
		size, used, holder := "?", "-", "free"
		if cache.Size >= 0 {
			size = task.Bytes(cache.Size).String()
		}
		if !cache.Used.IsZero() {
			used = cache.Used.UTC().Format(time.RFC3339)
		}
		if cache.Holder != "" {
			holder = "held by " + cache.Holder
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", cache.Name, cache.Volume, size, used, holder)
	}
	return out.Flush()
}

func purgeCaches(c *cli.Context) error {
	engine, done, err := cacheEngine(c)
	if err != nil {
		return err
	}
	defer done()
	removed, busy, err := worker.PurgeCaches(c.Context, engine, c.String("worker-id"), c.String("state-dir"), c.Args().Slice()...)
	for _, cache := range removed {
		fmt.Fprintf(c.App.Writer, "removed %s of cache %s\n", cache.Volume, cache.Name)
	}
	if err == nil && len(busy) > 0 {
		err = failure{exitInternal, fmt.Errorf("%d caches are in use and were left: the first is %s, of cache %s", len(busy), busy[0].Volume, busy[0].Name)}
	}
	return err
}

// cacheEngine connects to the engine.
func cacheEngine(c *cli.Context) (engine worker.Engine, done func(), err error) {
	if err := worker.CheckID(c.String("worker-id")); err != nil {
		return nil, nil, failure{exitConfig, err}
	}
	logger, err := newLogger(c)
	if err != nil {
		return nil, nil, err
	}
	client, err := newEngine(c, logger)
	if err != nil {
		return nil, nil, err
	}
	if _, err := client.Negotiate(c.Context); err != nil {
		client.Close()
		return nil, nil, err
	}
	return worker.Docker(client), func() { client.Close() }, nil
}
