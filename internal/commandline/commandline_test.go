package commandline

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// seen is what an action was given.
type seen struct {
	Command   string
	Args      []string
	Size      int
	Timeout   time.Duration
	Hosts     []string
	Follow    bool
	Name      string
	SizeIsSet bool
	F         bool // the other name of Follow
}

var errAction = errors.New("the action's")

// example is a program whose commands tell what they were given; each call makes its flags anew.
func example(out *bytes.Buffer, got *seen) *cli.App {
	action := func(c *cli.Context) error {
		*got = seen{
			Command: c.Command.HelpName, Args: c.Args().Slice(), Size: c.Int("size"), Timeout: c.Duration("timeout"), Hosts: c.StringSlice("host"),
			Follow: c.Bool("follow"), Name: c.String("name"), SizeIsSet: c.IsSet("size"), F: c.Bool("f"),
		}
		if c.Context.Value(key{}) != "value" {
			return errors.New("another context")
		}
		return nil
	}
	flags := func() []cli.Flag {
		return []cli.Flag{
			&cli.IntFlag{Name: "size", Value: 7, EnvVars: []string{"EXAMPLE_SIZE"}, Usage: "make it `N` large " + strings.Repeat("and a word ", 12)},
			&cli.DurationFlag{Name: "timeout", Value: time.Minute, DefaultText: "a minute", Usage: "wait for a `DURATION`"},
			&cli.StringSliceFlag{Name: "host", EnvVars: []string{"EXAMPLE_HOST"}, Value: cli.NewStringSlice("none"), Usage: "ask a `HOST`"},
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on"},
			&cli.StringFlag{Name: "name", Usage: "call it so"},
			&cli.StringFlag{Name: "secret", Hidden: true},
		}
	}
	return &cli.App{
		Name: "example", Usage: "an example", Description: "It is described.\n\n   indented", Writer: out,
		Commands: []*cli.Command{
			{Name: "go", Usage: "go there", UsageText: "example go [flags] PLACE", Flags: flags(), Action: action},
			{Name: "group", Usage: "of two", Subcommands: []*cli.Command{
				{Name: "one", Usage: "the first", Flags: flags(), Action: action},
				{Name: "fail", Usage: "the second", Action: func(*cli.Context) error { return errAction }},
			}},
			{Name: "hidden", Hidden: true, Usage: "not shown", Action: action},
		},
	}
}

type key struct{}

func runLine(t *testing.T, line string) (seen, string, error) {
	t.Helper()
	var out bytes.Buffer
	var got seen
	err := Run(context.WithValue(t.Context(), key{}, "value"), example(&out, &got), strings.Fields("example "+line))
	return got, out.String(), err
}

func TestRun(t *testing.T) {
	plain := seen{Command: "example go", Args: []string{}, Size: 7, Timeout: time.Minute, Hosts: []string{"none"}}
	for _, c := range []struct {
		line        string
		environment map[string]string
		change      func(*seen)
	}{
		{"go", nil, func(*seen) {}},
		{"go there", nil, func(s *seen) { s.Args = []string{"there"} }},
		{"go --size 3 there", nil, func(s *seen) { s.Args, s.Size, s.SizeIsSet = []string{"there"}, 3, true }},
		{"go there --size=3 again -timeout 2s", nil, func(s *seen) {
			s.Args, s.Size, s.SizeIsSet, s.Timeout = []string{"there", "again"}, 3, true, 2*time.Second
		}},
		{"go --host a - --host b", nil, func(s *seen) { s.Args, s.Hosts = []string{"-"}, []string{"a", "b"} }},
		{"go --follow there", nil, func(s *seen) { s.Args, s.Follow, s.F = []string{"there"}, true, true }},
		{"go there -f", nil, func(s *seen) { s.Args, s.Follow, s.F = []string{"there"}, true, true }},
		{"go --follow=false", nil, func(*seen) {}},
		{"go --name -- there", nil, func(s *seen) { s.Args, s.Name = []string{"there"}, "--" }}, // a value, whatever it looks like
		{"go -- --size -h", nil, func(s *seen) { s.Args = []string{"--size", "-h"} }},
		{"go", map[string]string{"EXAMPLE_SIZE": "9", "EXAMPLE_HOST": "a,b"}, func(s *seen) { s.Size, s.SizeIsSet, s.Hosts = 9, true, []string{"a", "b"} }},
		{"go --size 3 --host c", map[string]string{"EXAMPLE_SIZE": "9", "EXAMPLE_HOST": "a,b"}, func(s *seen) { s.Size, s.SizeIsSet, s.Hosts = 3, true, []string{"c"} }},
		{"group one x", nil, func(s *seen) { s.Command, s.Args = "example group one", []string{"x"} }},
		{"hidden", nil, func(s *seen) { *s = seen{Command: "example hidden", Args: []string{}} }},
	} {
		t.Run(c.line, func(t *testing.T) {
			for name, value := range c.environment {
				t.Setenv(name, value)
			}
			want := plain
			c.change(&want)
			got, out, err := runLine(t, c.line)
			if diff := cmp.Diff(want, got); diff != "" || err != nil || out != "" {
				t.Errorf("%v, %q (-want +got):\n%s", err, out, diff)
			}
		})
	}
}

func TestUsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"og":               `there is no command "og"; see example --help`,
		"go --secr":        "there is no flag --secr; see example go --help",
		"goo":              `there is no command "goo" (did you mean go?); see example --help`,
		"group two":        `there is no command "two"; see example group --help`,
		"hiden":            `there is no command "hiden"; see example --help`,
		"--size 3 go":      "a command comes first, flags like --size behind it; see example --help",
		"go --sise 3":      "there is no flag --sise (did you mean --size?); see example go --help",
		"go --sise=secret": "there is no flag --sise (did you mean --size?); see example go --help",
		"go --secre x":     "there is no flag --secre; see example go --help",
		"go x --size":      "--size needs a value; see example go --help",
		"go --size x":      `--size "x": parse error; see example go --help`,
		"go --follow=x":    `--follow "x": parse error; see example go --help`,
		"group one ---":    "there is no flag ---; see example group one --help",
	} {
		_, out, err := runLine(t, line)
		usage, ok := errors.AsType[*UsageError](err)
		if !ok || usage.Error() != want || out != "" {
			t.Errorf("%s: %v, %q, want %s", line, err, out, want)
		}
	}
	t.Setenv("EXAMPLE_SIZE", "x")
	if _, _, err := runLine(t, "go"); err == nil || !strings.Contains(err.Error(), "EXAMPLE_SIZE") || !strings.Contains(err.Error(), "see example go --help") {
		t.Errorf("a variable that cannot be read: %v", err)
	}
	if _, _, err := runLine(t, "group fail"); err != errAction {
		t.Errorf("%v, want the action's error", err)
	}
}

func TestHelp(t *testing.T) {
	const program = `example - an example

USAGE:
   example COMMAND [flags]

   It is described.

      indented

COMMANDS:
   go     go there
   group  of two

example COMMAND --help tells more.
`
	const group = `example group - of two

USAGE:
   example group COMMAND [flags]

COMMANDS:
   one   the first
   fail  the second

example group COMMAND --help tells more.
`
	const command = `example go - go there

USAGE:
   example go [flags] PLACE

OPTIONS:
   --size N
         make it N large and a word and a word and a word and a word and a word and a word and a
         word and a word and a word and a word and a word and a word (default: 7) [$EXAMPLE_SIZE]
   --timeout DURATION
         wait for a DURATION (default: a minute)
   --host HOST [ --host HOST ]
         ask a HOST (default: "none") [$EXAMPLE_HOST]
   --follow, -f
         go on (default: false)
   --name value
         call it so
   --help, -h
         show this
`
	for line, want := range map[string]string{
		"": program, "--help": program, "-h": program, "help": program,
		"group": group, "group -h": group, "help group": group,
		"go --help": command, "go there -h": command, "go --size 3 --help": command, "help go": command, "go --nonsense --help": command,
	} {
		got, out, err := runLine(t, line)
		if diff := cmp.Diff(want, out); diff != "" || err != nil || got.Command != "" {
			t.Errorf("%s: %v, %+v (-want +got):\n%s", line, err, got, diff)
		}
	}
	// What is in the environment is neither an obstacle nor shown: it may be a secret.
	t.Setenv("EXAMPLE_SIZE", "x")
	t.Setenv("EXAMPLE_HOST", "secret")
	if _, out, err := runLine(t, "go -h"); out != command || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(command, out))
	}
}
