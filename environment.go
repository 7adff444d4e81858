package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/spelling"
)

const variablePrefix = "DOCKER_WORKER_"

// unitVariable is read by the systemd unit, which makes an argument of it.
const unitVariable = variablePrefix + "QUEUE"

// checkEnvironment finds the variables that look like ours and belong to no flag of any command: a misspelt one would be
// a setting that is silently not made. Those of other commands are fine: a file of variables may serve all of them.
func checkEnvironment(c *cli.Context) error {
	variables := []string{unitVariable}
	for _, flag := range flagsOf(c.App.Commands) {
		if flag, ok := flag.(cli.DocGenerationFlag); ok {
			variables = append(variables, flag.GetEnvVars()...)
		}
	}
	var unknown []string
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, variablePrefix) && !slices.Contains(variables, name) {
			unknown = append(unknown, name+closest(name, variables))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return failure{exitConfig, fmt.Errorf("no flag of docker-worker has the environment variable %s", strings.Join(unknown, ", nor "))}
}

// flagsOf are the flags of commands and all that are below them.
func flagsOf(commands []*cli.Command) []cli.Flag {
	var all []cli.Flag
	for _, command := range commands {
		all = append(append(all, command.Flags...), flagsOf(command.Subcommands)...)
	}
	return all
}

// closest asks for the variable that was probably meant.
func closest(variable string, known []string) string {
	if guess := spelling.Closest(variable, known); guess != "" {
		return fmt.Sprintf(" (did you mean %s?)", guess)
	}
	return ""
}
