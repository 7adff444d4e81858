package main

import (
	"bytes"
	"strings"
	"testing"
)

// Arguments that a command does not take are a mistake in its use, flags among them or not.
func TestNeedArgs(t *testing.T) {
	for line, want := range map[string]string{
		"schema a":               "1 arguments given, 0 needed",
		"schema a -b":            "2 arguments given, 0 needed",
		"cache ls npm":           "1 arguments given, 0 needed",
		"validate":               "0 arguments given, 1 needed",
		"explain a.json --allow": "flag --allow must stand before FILE",
	} {
		var out bytes.Buffer
		code := run(t.Context(), append([]string{"docker-worker"}, strings.Fields(line)...), nil, &out, &out)
		if code != exitUsage || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, want %d, with %q: %s", line, code, exitUsage, want, &out)
		}
	}
}
