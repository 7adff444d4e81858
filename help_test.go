package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// The help of every command shows each of its flags with what it is for and its variables, in lines that fit.
func TestHelpShowsEverything(t *testing.T) {
	var walk func(prefix []string, commands []*cli.Command)
	walk = func(prefix []string, commands []*cli.Command) {
		for _, command := range commands {
			line := append(append([]string{}, prefix...), command.Name)
			var out bytes.Buffer
			if code := run(t.Context(), append(line, "--help"), nil, &out, &out); code != exitOK {
				t.Errorf("%v --help: exit code %d, %s", line, code, &out)
			}
			help := strings.Join(strings.Fields(out.String()), " ")
			for _, part := range append([]string{command.Usage}, partsOf(command.Flags)...) {
				if !strings.Contains(help, part) {
					t.Errorf("the help of %v does not have %q", line, part)
				}
			}
			if _, options, found := strings.Cut(out.String(), "OPTIONS:\n"); found {
				for text := range strings.Lines(options) {
					if len(text) > 101 {
						t.Errorf("the help of %v has a line of %d bytes: %s", line, len(text), text)
					}
				}
			}
			walk(line, command.Subcommands)
		}
	}
	walk([]string{"docker-worker"}, newApp(nil, nil, nil).Commands)
}

// partsOf are what the help of flags must have.
func partsOf(flags []cli.Flag) []string {
	var parts []string
	for _, f := range flags {
		doc := f.(cli.DocGenerationFlag)
		parts = append(parts, "--"+f.Names()[0], strings.Join(strings.Fields(strings.ReplaceAll(doc.GetUsage(), "`", "")), " "))
		for _, variable := range doc.GetEnvVars() {
			parts = append(parts, "$"+variable)
		}
	}
	return parts
}
