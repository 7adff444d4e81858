package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/worker"
	"github.com/docker-worker/docker-worker/worker/task"
)

// policyFlags say what tasks may ask for on this host.
func policyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "max-run-time", EnvVars: env("max-run-time"), Value: 24 * time.Hour, Usage: "longest `DURATION` that a task may ask for; 0 is no limit"},
		&cli.IntFlag{Name: "max-attempts", EnvVars: env("max-attempts"), Value: worker.DefaultAttemptsLimit, Usage: "most attempts, `N`, that a task may ask for; one that does not ask has 5"},
		sizeFlag("default-memory", "", "nine tenths of the host's", "memory, `SIZE`, of a container whose task does not say"),
		sizeFlag("max-memory", "", "", "most memory, `SIZE`, that a container may ask for"),
		&cli.Float64Flag{Name: "default-cpus", EnvVars: env("default-cpus"), Usage: "`NUMBER` of CPUs of a container whose task does not say; 0 is no limit"},
		&cli.Float64Flag{Name: "max-cpus", EnvVars: env("max-cpus"), Usage: "most CPUs, a `NUMBER`, that a container may ask for; 0 is no limit"},
		&cli.Int64Flag{Name: "default-pids", EnvVars: env("default-pids"), Value: 4096, Usage: "most processes and threads, `N`, of a container whose task does not say"},
		&cli.Int64Flag{Name: "max-pids", EnvVars: env("max-pids"), Value: 32768, Usage: "most processes and threads, `N`, that a container may ask for; 0 is no limit"},
		sizeFlag("max-shm-size", "", "", "most of /dev/shm, `SIZE`, that a container may ask for"),
		sizeFlag("default-disk", "", "", "`SIZE` of the file system of a container whose task does not say, where the engine's storage can limit it"),
		sizeFlag("max-disk", "", "", "largest file system, `SIZE`, that a container may ask for"),
		&cli.IntFlag{Name: "max-gpus", EnvVars: env("max-gpus"), Usage: "most GPUs, `N`, that a container may ask for"},
		&cli.StringSliceFlag{Name: "allow", EnvVars: env("allow"), Usage: "allow tasks a `RIGHT` beyond the ordinary, if they ask for it: privileged, no-seccomp, device=NAME, capability=NAME, network=NAME; several times for several"},
		&cli.StringSliceFlag{Name: "allow-image", EnvVars: env("allow-image"), Usage: "run images that match `PATTERN`, in which * is any text, and no others; several times for several"},
	}
}

// newPolicy reads the flags of policyFlags.
func newPolicy(c *cli.Context) (task.Policy, error) {
	p := task.Policy{
		MaxRunTime:  c.Duration("max-run-time"),
		MaxAttempts: c.Int("max-attempts"),
		Images:      c.StringSlice("allow-image"),

		ArtifactStore: c.String("artifact-store") != "",
	}
	p.Default.CPUs, p.Max.CPUs = c.Float64("default-cpus"), c.Float64("max-cpus")
	p.Default.PIDs, p.Max.PIDs = c.Int64("default-pids"), c.Int64("max-pids")
	p.Max.GPUs = c.Int("max-gpus")
	for flag, size := range map[string]*task.Bytes{
		"default-memory": &p.Default.Memory, "max-memory": &p.Max.Memory,
		"default-disk": &p.Default.Disk, "max-disk": &p.Max.Disk,
		"max-shm-size": &p.Max.ShmSize,
	} {
		var err error
		if *size, err = sizeOf(c, flag); err != nil {
			return p, err
		}
	}
	for _, right := range c.StringSlice("allow") {
		if err := p.Allow.ParseAllowance(right); err != nil {
			return p, failure{exitConfig, fmt.Errorf("--allow: %w", err)}
		}
	}
	return p, nil
}

// sizeFlag is a flag whose value is a size in bytes, as people write it; without a value it is 0.
func sizeFlag(name, value, defaultText, usage string) cli.Flag {
	return &cli.StringFlag{Name: name, EnvVars: env(name), Value: value, DefaultText: defaultText, Usage: usage + " (512m, 1.5g, or a number of bytes)"}
}

func sizeOf(c *cli.Context, flag string) (task.Bytes, error) {
	text := c.String(flag)
	if text == "" {
		return 0, nil
	}
	size, err := task.ParseBytes(text)
	if err != nil {
		return 0, failure{exitConfig, fmt.Errorf("--%s: %w", flag, err)}
	}
	return size, nil
}
