package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// explained runs docker-worker explain on a task.
func explained(t *testing.T, body string, flags ...string) (text string, code int) {
	t.Helper()
	var out bytes.Buffer
	code = run(t.Context(), append(append([]string{"docker-worker", "explain"}, flags...), "-"), strings.NewReader(body), &out, &out)
	return out.String(), code
}

// What explain says is what would run, and it gives nothing away.
func TestExplain(t *testing.T) {
	text, code := explained(t, `{"image": "tool:1", "command": ["it's"], "entrypoint": ["/bin/env", "-i"], "env": {"A": "b c", "TOKEN": "hunter2"},
		"secrets": ["TOKEN"], "resources": {"memory": "1g"}, "network": "none", "files": {"/a": {"url": "https://u:hunter2@h.example/x?sig=hunter2"}},
		"capabilities": {"add": ["NET_RAW"]}, "maxRunTime": 60,
		"artifacts": {"kept": {"path": "/k"}, "sent": {"path": "/s", "url": "https://h.example/s?sig=hunter2"}}}`,
		"--artifact-store", "/tmp", "--max-cpus", "1.5", "--allow", "capability=NET_RAW", "--max-attempts", "2")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, text)
	}
	for _, want := range []string{
		"docker run", "--memory 1073741824 --memory-swap 1073741824", "--cpus 1.5", "--cap-drop NET_RAW", "--cap-add NET_RAW", "--network none",
		"--env 'A=b c'", "--env 'TOKEN=…'", "--entrypoint /bin/env", `tool:1 -i 'it'\''s'`, "https://h.example/x",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if joined, _ := explained(t, `{"image": "tool"}`); !strings.Contains(joined, "a sandbox of the worker") || strings.Contains(text, "a sandbox of the worker") {
		t.Errorf("an ordinary task:\n%s", joined)
	}
	for _, row := range []string{`memory +1g +task`, `cpus +1.5 +worker maximum`, `pids +4096 +worker default`, `maxRunTime +1m0s +task`,
		`kept +file /k +the worker's artifact store`, `sent +file /s +https://h.example/s`, `maxAttempts +2 +worker maximum`, `capabilities.add NET_RAW +--allow capability=NET_RAW`} {
		if !regexp.MustCompile(`(?m)^` + row + ` *$`).MatchString(text) {
			t.Errorf("no row %q", row)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Error("a secret is shown")
	}
	if t.Failed() {
		t.Log(text)
	}
}

// What would be refused is not explained, and all that is wrong is said.
func TestExplainRefuses(t *testing.T) {
	text, code := explained(t, `{"image": "tool", "network": "host", "maxRunTime": 61}`, "--max-run-time", "1m")
	if code != exitMalformed || !strings.Contains(text, "/network: ") || !strings.Contains(text, "/maxRunTime: ") {
		t.Errorf("exit code %d: %s", code, text)
	}
	if _, code := explained(t, `{"image": "tool"}`, "--max-memory", "lots"); code != exitConfig {
		t.Errorf("a limit that is none: exit code %d", code)
	}
	if _, code := explained(t, `{"image": "tool"}`, "--allow", "everything"); code != exitConfig {
		t.Errorf("a right that is none: exit code %d", code)
	}
}

// The docker command reads the line as it was meant.
func TestShellQuote(t *testing.T) {
	for word, want := range map[string]string{"": "''", "a-b_c./:=@%+,1": "a-b_c./:=@%+,1", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "é": "'é'", "a\nb": "'a\nb'"} {
		if got := shellQuote(word); got != want {
			t.Errorf("%q is written %s, want %s", word, got, want)
		}
	}
}
