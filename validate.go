package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/schema"
	"github.com/docker-worker/docker-worker/worker/task"
)

func validateCommand() *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "say whether a file is a task, and all that is wrong with it",
		UsageText: "docker-worker validate FILE|-",
		Description: `Prints a line for each problem: a JSON pointer to the value, and what is wrong with it.
A worker may forbid more than the format does; it says so in the same words.

Exit codes: 0 it is a task; 7 it is not; 2 usage; 3 the file cannot be read.`,
		Action: func(c *cli.Context) error {
			args, err := needArgs(c, "FILE")
			if err != nil {
				return err
			}
			if _, _, err := parseFile(c, args[0], task.Policy{Unknown: true}); err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, "valid")
			return nil
		},
	}
}

func schemaCommand() *cli.Command {
	return &cli.Command{
		Name:        "schema",
		Usage:       "print the JSON Schema of a task",
		UsageText:   "docker-worker schema",
		Description: "JSON Schema 2020-12: editors and other programs can check tasks with it. The worker does so too.",
		Action: func(c *cli.Context) error {
			if _, err := needArgs(c); err != nil {
				return err
			}
			_, err := c.App.Writer.Write(schema.Task)
			return err
		},
	}
}

// parseFile reads a task from a file. What is wrong with it goes to standard output, a line for each problem.
func parseFile(c *cli.Context, name string, policy task.Policy) (t *task.Task, body []byte, err error) {
	if body, err = readTask(c, name); err != nil {
		return nil, nil, err
	}
	t, err = task.Parse(body, policy)
	if malformed, ok := errors.AsType[*task.MalformedError](err); ok {
		for _, problem := range malformed.Problems {
			fmt.Fprintln(c.App.Writer, problem)
		}
		return nil, nil, failure{exitMalformed, nil}
	}
	return t, body, err
}

// readTask reads a file, or standard input for "-": one byte more than a task may have, so that too much is seen.
func readTask(c *cli.Context, name string) ([]byte, error) {
	in := c.App.Reader
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, failure{exitConfig, fmt.Errorf("read the task: %w", err)}
		}
		defer file.Close()
		in = file
	}
	body, err := io.ReadAll(io.LimitReader(in, task.MaxSize+1))
	if err != nil {
		return nil, failure{exitConfig, fmt.Errorf("read the task: %w", err)}
	}
	return body, nil
}
