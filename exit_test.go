package main

import (
	"bytes"
	"strings"
	"testing"
)

// Arguments that a command does not take are a mistake in its use.
func TestNeedArgs(t *testing.T) {
	for line, want := range map[string]string{
		"schema a":               "1 arguments given, 0 needed",
		"schema a -- -b":         "2 arguments given, 0 needed",
		"schema a -b":            "there is no flag --b; see docker-worker schema --help",
		"cache ls npm":           "1 arguments given, 0 needed",
		"validate":               "0 arguments given, 1 needed",
		"explain a.json --allow": "--allow needs a value; see docker-worker explain --help",
		"queue delete":           `there is no command "delete"; see docker-worker queue --help`,
	} {
		var out bytes.Buffer
		code := run(t.Context(), append([]string{"docker-worker"}, strings.Fields(line)...), nil, &out, &out)
		if code != exitUsage || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, want %d, with %q: %s", line, code, exitUsage, want, &out)
		}
	}
}
