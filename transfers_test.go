package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestTransferFlags: what cannot be is said before anybody is asked.
func TestTransferFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--artifact-store relative/dir":       "--artifact-store: an artifact store is an http or https address, or an absolute path",
		"--artifact-store /not/there/at/all":  "--artifact-store: the artifact store /not/there/at/all is not a directory that is there",
		"--allow-address localhost":           `--allow-address "localhost": it is an address, or a network such as 127.0.0.0/8`,
		"--max-artifact-size much":            `--max-artifact-size: "much" is not a size`,
		"--max-file-size -1":                  `--max-file-size: "-1" is not a size`,
		"--allow-address 127.0.0.1 --lease x": "--lease \"x\"",
	} {
		var out bytes.Buffer
		code := run(t.Context(), append(append([]string{"docker-worker", "start", "--state-dir", t.TempDir()}, strings.Fields(args)...), "queue"), nil, &out, &out)
		wantCode := exitConfig
		if strings.Contains(want, "--lease") {
			wantCode = exitUsage
		}
		if code != wantCode || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, %s", args, code, out.String())
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{"127.0.0.1": "127.0.0.1/32", "169.254.0.0/16": "169.254.0.0/16", "::1": "::1/128", "fe80::/10": "fe80::/10"} {
		if got, err := parseNetwork(text); err != nil || got.String() != want {
			t.Errorf("parseNetwork(%q) = %v, %v", text, got, err)
		}
	}
}
