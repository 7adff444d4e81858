// Package commandline finds the command that a line of arguments names, and runs it. What commands and flags are, and how
// flags take their values from the environment, is urfave/cli's. Its own reading of a line and its help are not used: its
// help is written by templates, which would keep a sixth of the program that nobody needs.
package commandline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/spelling"
)

// UsageError is a line of arguments that cannot be run.
type UsageError struct {
	Command string // in full: docker-worker queue declare
	Err     error
}

func (e *UsageError) Error() string { return fmt.Sprintf("%v; see %s --help", e.Err, e.Command) }

func (e *UsageError) Unwrap() error { return e.Err }

// Run runs the command that args name, which begin with the program's own name; its action gets a context with the flags
// and the arguments, and the error is the action's, or a [*UsageError]. Flags and arguments come in any order; -- ends the
// flags. A group of commands without one of them, --help or -h anywhere, and help in front write a help to app.Writer.
func Run(ctx context.Context, app *cli.App, args []string) error {
	name, commands, args := app.Name, app.Commands, args[1:]
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	var command *cli.Command // the last one found
	for len(commands) > 0 {
		if len(args) == 0 || isHelp(args[0]) {
			writeGroup(app, name, command, commands)
			return nil
		}
		next, err := find(commands, args[0])
		if err != nil {
			return &UsageError{name, err}
		}
		name, command, commands, args = name+" "+next.Name, next, next.Subcommands, args[1:]
	}
	return run(ctx, app, name, command, args)
}

// find is the command of a name.
func find(commands []*cli.Command, name string) (*cli.Command, error) {
	if strings.HasPrefix(name, "-") {
		return nil, fmt.Errorf("a command comes first, flags like %s behind it", name)
	}
	var names []string
	for _, c := range commands {
		if c.HasName(name) {
			return c, nil
		}
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return nil, fmt.Errorf("there is no command %q%s", name, guess("", name, names))
}

func run(ctx context.Context, app *cli.App, name string, command *cli.Command, args []string) error {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	var environment error // what a variable has that its flag cannot take
	for _, f := range command.Flags {
		if err := f.Apply(set); err != nil && environment == nil {
			environment = err
		}
	}
	command.HelpName = name
	flags, positional := split(set, args)
	if slices.ContainsFunc(flags, func(f given) bool { return isHelp(f.text) }) {
		writeCommand(app, command)
		return nil
	}
	err := environment
	for _, f := range flags {
		if err == nil {
			err = f.apply(set, command.Flags)
		}
	}
	if err != nil {
		return &UsageError{name, err}
	}
	if err := set.Parse(append([]string{"--"}, positional...)); err != nil {
		return &UsageError{name, err}
	}
	c := cli.NewContext(app, set, nil)
	c.Context, c.Command = ctx, command
	return command.Action(c)
}

// given is a flag as it stands in a line.
type given struct {
	text     string // as it was written, without a value behind it
	name     string
	value    string
	hasValue bool
}

// split tells flags from arguments.
func split(set *flag.FlagSet, args []string) (flags []given, positional []string) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return flags, append(positional, args...)
		}
		if len(arg) < 2 || arg[0] != '-' {
			positional = append(positional, arg)
			continue
		}
		f := given{text: arg}
		f.name, f.value, f.hasValue = strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		if known := set.Lookup(f.name); known != nil && !isBool(known) && !f.hasValue && len(args) > 0 {
			f.value, f.hasValue, args = args[0], true, args[1:]
		}
		flags = append(flags, f)
	}
	return flags, positional
}

// apply sets the flag, under all its names.
func (f given) apply(set *flag.FlagSet, flags []cli.Flag) error {
	names := []string{}
	for _, known := range flags {
		if slices.Contains(known.Names(), f.name) {
			names = known.Names()
		}
	}
	switch {
	case len(names) == 0:
		return fmt.Errorf("there is no flag --%s%s", f.name, guess("--", f.name, visibleNames(flags)))
	case !f.hasValue && isBool(set.Lookup(f.name)):
		f.value = "true"
	case !f.hasValue:
		return fmt.Errorf("--%s needs a value", f.name)
	}
	for _, name := range names {
		if err := set.Set(name, f.value); err != nil {
			return fmt.Errorf("--%s %q: %w", f.name, f.value, err)
		}
	}
	return nil
}

// isBool tells a flag that needs no value.
func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func isHelp(arg string) bool { return arg == "--help" || arg == "-help" || arg == "-h" }

func visibleNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		if visible(f) {
			names = append(names, f.Names()...)
		}
	}
	return names
}

// guess asks for the name that was probably meant.
func guess(prefix, name string, known []string) string {
	if closest := spelling.Closest(name, known); closest != "" {
		return fmt.Sprintf(" (did you mean %s%s?)", prefix, closest)
	}
	return ""
}
