package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/sandbox"
	"github.com/docker-worker/docker-worker/worker"
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

// sandboxFlags say which networks are prepared for tasks, and what these close.
func sandboxFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "sandboxes", EnvVars: env("sandboxes"), DefaultText: "--capacity", Usage: "keep `N` networks ready that the containers of tasks join, which start in half the time then; 0 has the engine make one for each task"},
		&cli.StringFlag{Name: "sandbox-reuse", EnvVars: env("sandbox-reuse"), Value: "auto", Usage: "`WHEN` a network serves another task: auto, if nothing was left behind in it, or never"},
		&cli.StringSliceFlag{Name: "deny-network", EnvVars: env("deny-network"), DefaultText: "where clouds give an instance's credentials", Usage: "let tasks in sandboxes not reach the addresses of `CIDR`, beside those of the default; several times for several. No task that could have a sandbox runs without one then. none stands for the default without its addresses"},
		&cli.StringSliceFlag{Name: "allow-network", EnvVars: env("allow-network"), Usage: "except the addresses of `CIDR` from what is denied; several times for several"},
	}
}

// newSandboxes reads the flags of sandboxFlags.
func newSandboxes(c *cli.Context) (worker.Sandboxes, error) {
	s := worker.Sandboxes{Count: c.Int("capacity"), Once: c.String("sandbox-reuse") == "never"}
	if err := oneOf(c, "sandbox-reuse", "auto", "never"); err != nil {
		return s, err
	}
	if c.IsSet("sandboxes") {
		s.Count = c.Int("sandboxes")
	}
	if s.Count < 0 || s.Count > 4096 {
		return s, failure{exitConfig, fmt.Errorf("--sandboxes %d: it is between 0 and 4096", s.Count)}
	}
	asked := c.StringSlice("deny-network")
	denied := slices.DeleteFunc(slices.Clone(asked), func(text string) bool { return text == "none" })
	var err error
	if s.Network, err = parsePolicy(denied, c.StringSlice("allow-network")); err != nil {
		return s, failure{exitConfig, fmt.Errorf("--deny-network, --allow-network: %w", err)}
	}
	s.Strict = len(denied) > 0
	if !slices.Contains(asked, "none") {
		s.Network.DenyByDefault()
	}
	if s.Strict && s.Count == 0 {
		return s, failure{exitConfig, errors.New("--deny-network needs sandboxes, and --sandboxes is 0")}
	}
	return s, nil
}
