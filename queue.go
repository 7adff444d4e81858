package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/amqp"
)

func queueCommand() *cli.Command {
	return &cli.Command{
		Name:      "queue",
		Usage:     "make a queue for tasks",
		UsageText: "docker-worker queue declare [flags] QUEUE",
		Subcommands: []*cli.Command{{
			Name:      "declare",
			Usage:     "make a durable queue for tasks, and one for messages that nobody can run",
			UsageText: "docker-worker queue declare [flags] QUEUE",
			Description: `Makes QUEUE (durable, a quorum queue) and, beside it, the exchange and the queue QUEUE.dead, where
malformed and hopeless tasks end. It can be called again; a queue of other properties is left as it is, and named.`,
			Flags: flags([]cli.Flag{
				&cli.BoolFlag{Name: "classic", EnvVars: env("classic"), Usage: "make a classic queue: for priorities. A crash of the broker may bring back tasks that were done a moment before"},
				&cli.IntFlag{Name: "max-priority", EnvVars: env("max-priority"), Usage: "highest priority `N` of a message, with --classic; 10 or less"},
			}, brokerFlags(), logFlags("warn")),
			Action: declareQueue,
		}},
	}
}

func declareQueue(c *cli.Context) error {
	args, err := needArgs(c, "QUEUE")
	if err != nil {
		return err
	}
	if c.Int("max-priority") != 0 && !c.Bool("classic") {
		return failure{exitUsage, fmt.Errorf("--max-priority needs --classic: quorum queues have no such setting")}
	}
	logger, err := newLogger(c)
	if err != nil {
		return err
	}
	dialer, err := newDialer(c, logger)
	if err != nil {
		return err
	}
	opts := amqp.QueueOptions{Name: args[0], Classic: c.Bool("classic"), MaxPriority: c.Int("max-priority")}
	if err := dialer.DeclareQueue(c.Context, opts); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "queue %s is there; what cannot run goes to queue %s.dead\n", args[0], args[0])
	return nil
}
