package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/mask"
	"github.com/docker-worker/docker-worker/internal/seal"
	"github.com/docker-worker/docker-worker/worker"
	"github.com/docker-worker/docker-worker/worker/task"
)

func sealCommand() *cli.Command {
	return &cli.Command{
		Name:      "seal",
		Usage:     "close a value so that only a worker can open it, as one variable of one task",
		UsageText: "docker-worker seal --key FILE --task ID --name VARIABLE < VALUE",
		Description: `Reads the value from standard input, less a newline at its end, and prints what goes into the task:

{"env": {"VARIABLE": {"sealed": "v1.…"}}}

The task must be submitted under the same ID: docker-worker submit --task-id ID.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "key", EnvVars: env("key"), Usage: "public key, a `FILE`, of the workers"},
			&cli.StringFlag{Name: "task", EnvVars: env("task"), Usage: "`ID` of the task that the value is for"},
			&cli.StringFlag{Name: "name", EnvVars: env("name"), Usage: "name of the `VARIABLE` that the value is for"},
		},
		Action: sealValue,
	}
}

func sealValue(c *cli.Context) error {
	if _, err := needArgs(c); err != nil {
		return err
	}
	for _, flag := range []string{"key", "task", "name"} {
		if c.String(flag) == "" {
			return failure{exitUsage, fmt.Errorf("--%s is missing", flag)}
		}
	}
	id, name := c.String("task"), c.String("name")
	if !worker.IsTaskID(id) {
		return failure{exitUsage, fmt.Errorf("--task %q: 1 to 128 letters, digits, '_' and '-' can be the id of a task", id)}
	}
	if strings.ContainsAny(name, "=\x00") || slices.Contains(task.Reserved, name) {
		return failure{exitUsage, fmt.Errorf("--name %q: no task can set such a variable", name)}
	}
	key, err := readKey("key", c.String("key"), seal.ParsePublicKey)
	if err != nil {
		return err
	}
	value, err := io.ReadAll(io.LimitReader(c.App.Reader, mask.MaxTotal+2))
	switch {
	case err != nil:
		return failure{exitConfig, fmt.Errorf("read the value: %w", err)}
	case len(strings.TrimSuffix(string(value), "\n")) > mask.MaxTotal:
		return failure{exitConfig, fmt.Errorf("the value has more than the %d bytes that a worker can mask", mask.MaxTotal)}
	case strings.ContainsRune(string(value), 0):
		return failure{exitConfig, errors.New("the value has a zero byte, which no variable can have")}
	}
	text, err := seal.Seal(key, id, name, strings.TrimSuffix(string(value), "\n"))
	if err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, text)
	return nil
}
