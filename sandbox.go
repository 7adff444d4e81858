package main

import (
	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/sandbox"
)

// sandboxCommand is what runs in the small containers that hold a network for tasks. People have no use for it.
func sandboxCommand() *cli.Command {
	return &cli.Command{
		Name:      "sandbox",
		Hidden:    true,
		Usage:     "hold a network for tasks, as process 1 of a container that a worker made",
		UsageText: "docker-worker sandbox [flags]",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "deny", Usage: "let nobody in this network reach the addresses of `CIDR`"},
			&cli.StringSliceFlag{Name: "allow", Usage: "except those of `CIDR`"},
		},
		OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			policy, err := parsePolicy(c.StringSlice("deny"), c.StringSlice("allow"))
			if err != nil {
				return failure{exitConfig, err}
			}
			return sandbox.Run(policy, c.App.Reader, c.App.Writer)
		},
	}
}

// parsePolicy reads what tasks must not connect to, and the exceptions.
func parsePolicy(deny, allow []string) (p sandbox.Policy, err error) {
	if p.Deny, err = sandbox.ParseRanges(deny); err != nil {
		return p, err
	}
	if p.Allow, err = sandbox.ParseRanges(allow); err != nil {
		return p, err
	}
	return p, p.Check()
}
