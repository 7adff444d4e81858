//go:build integration

package e2e

import (
	"strings"
	"testing"
)

func TestMistakesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{"start", 2, "QUEUE"},
		{"start one two", 2, "QUEUE"},
		{"start --no-such-flag x", 2, "no-such-flag"},
		{"start --capacity many x", 2, "many"},
		{"start x --capacity 0", 3, "--capacity 0"},
		{"start --capcity 1 x", 2, "did you mean --capacity?"},
		{"start --capacity 0 x", 3, "--capacity 0"},
		{"start --worker-id a/b x", 3, "a/b"},
		{"start --log-format xml x", 3, "xml"},
		{"start --log-level loud x", 3, "loud"},
		{"start --amqp http://x x", 3, "amqp"},
		{"start --docker-host ssh://x x", 3, "ssh"},
		{"start --docker-api-version one x", 3, "one"},
		{"run", 2, "FILE"},
		{"run --no-such-flag -", 2, "no-such-flag"},
		{"run --log-level loud -", 125, "loud"},
		{"submit queue", 2, "FILE"},
		{"submit --amqp http://x queue -", 3, "amqp"},
		{"submit --priority 300 queue -", 3, "300"},
		{"validate /no/such/file", 3, "/no/such/file"},
		{"queue declare --max-priority 3 x", 2, "--classic"},
		{"no-such-command", 2, "no-such-command"},
	} {
		t.Run(test.args, func(t *testing.T) {
			r := programIn(t, []string{"DOCKER_WORKER_STATE_DIR=" + state}, "{}", strings.Fields(test.args)...)
			if r.code != test.code || !strings.Contains(r.stderr, test.says) || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
				t.Errorf("exit code %d, want %d; stderr %q, want one line with %q; stdout %q", r.code, test.code, r.stderr, test.says, r.stdout)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		task   string
		code   int
		stdout string
	}{
		{`{"image": "x"}`, 0, "valid\n"},
		{`{"imagine": "x"}`, 7, "/image: is required\n/imagine: unknown field; did you mean \"image\"?\n"},
	} {
		if r := program(t, test.task, "validate", "-"); r.code != test.code || r.stdout != test.stdout {
			t.Errorf("validate %s: exit code %d, want %d; stdout %q, want %q", test.task, r.code, test.code, r.stdout, test.stdout)
		}
	}
}

// TestEveryFlagHasAVariable walks through the help of every command.
func TestEveryFlagHasAVariable(t *testing.T) {
	t.Parallel()
	seen := 0
	names := []string{""}
	for i := 0; i < len(names); i++ {
		name := names[i]
		r := program(t, "", append(strings.Fields(name), "--help")...)
		if r.code != 0 || r.stdout == "" || r.stderr != "" {
			t.Errorf("%s --help: exit code %d, stderr %q", name, r.code, r.stderr)
		}
		if _, list, ok := strings.Cut(r.stdout, "\nCOMMANDS:\n"); ok {
			list, _, _ = strings.Cut(list, "\n\n")
			for line := range strings.Lines(list) {
				command, _, _ := strings.Cut(strings.Fields(line)[0], ",")
				if command != "help" {
					names = append(names, strings.TrimSpace(name+" "+command))
				}
			}
		}
		// A flag begins a paragraph, which ends with the next one.
		for _, paragraph := range strings.Split(r.stdout, "\n   --")[1:] {
			if strings.HasPrefix(paragraph, "help") {
				continue
			}
			seen++
			flag := strings.TrimRight(strings.Fields(paragraph)[0], ",")
			if want := "$DOCKER_WORKER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_")); !strings.Contains(paragraph, want) {
				t.Errorf("%s: %s is not in %q", name, want, paragraph)
			}
		}
	}
	t.Logf("commands: %q, flags: %d", names, seen)
	if len(names) < 9 || seen < 30 {
		t.Errorf("only %d commands and %d flags seen: the help has another form", len(names), seen)
	}
}
