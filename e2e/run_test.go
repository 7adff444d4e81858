//go:build integration

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for _, test := range expectations(t) {
		t.Run(test.name, func(t *testing.T) {
			r := program(t, test.task, "run", "-")
			if r.code != test.code || r.stdout != test.stdout || !strings.Contains(r.stderr, test.stderr) {
				t.Errorf("exit code %d, want %d\nstdout %q, want %q\nstderr %q, want %q in it", r.code, test.code, r.stdout, test.stdout, r.stderr, test.stderr)
			}
			if test.stderr == "" && r.stderr != "" {
				t.Errorf("stderr: %q, want none", r.stderr)
			}
		})
	}
}

func TestRunOfAFile(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int{"../examples/pass.json": 0, "../examples/fail.json": 3, "../examples/no-such.json": 125} {
		if r := program(t, "", "run", name); r.code != code {
			t.Errorf("run %s: exit code %d, want %d\n%s", name, r.code, code, r.stderr)
		}
	}
}

func TestRunShowsEvents(t *testing.T) {
	t.Parallel()
	r := program(t, `{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "echo out; echo err >&2"]}`, "run", "--events", "-")
	if r.code != 0 || !strings.Contains(r.stderr, "out\n") || !strings.Contains(r.stderr, "err\n") {
		t.Errorf("exit code %d, the log on stderr: %q", r.code, r.stderr)
	}
	var types []string
	for line := range strings.Lines(r.stdout) {
		var e fields
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if strings.HasPrefix(e.Event, "task.") {
			types = append(types, e.Event)
		}
	}
	want := []string{"task.claimed", "task.preparing", "task.started", "task.completed"}
	if diff := cmp.Diff(want, slices.Compact(types)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRunStopsItsContainerWhenInterrupted(t *testing.T) {
	t.Parallel()
	task := filepath.Join(t.TempDir(), "task.json")
	if err := os.WriteFile(task, []byte(`{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "trap 'echo bye; exit 7' INT TERM; echo here; while :; do sleep 0.1; done"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command(context.WithoutCancel(t.Context()), nil, "run", "--events", task)
	stdout, stderr, ended := newLogbook(), newLogbook(), make(chan struct{})
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	stderr.await(t, "here\n", ended)
	stdout.await(t, "task.started", ended) // told before, but over another pipe
	var e fields
	if err := json.Unmarshal([]byte(stdout.lines("task.started")[0]), &e); err != nil {
		t.Fatal(err)
	}
	if running := containers(t, "", e.WorkerID); len(running) != 1 {
		t.Errorf("containers while it runs: %v", running)
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	<-ended
	if code := cmd.ProcessState.ExitCode(); code != 125 {
		t.Errorf("exit code %d, want 125", code)
	}
	if !strings.Contains(stderr.String(), "bye\n") {
		t.Errorf("the last words of the task are missing: %s", stderr)
	}
	if left := containers(t, "", e.WorkerID); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
}

func TestRunWithoutAnEngine(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "no.sock")
	r := programIn(t, []string{"DOCKER_HOST=unix://" + nowhere}, `{"image": "x"}`, "run", "-")
	if r.code != 125 || !strings.Contains(r.stderr, nowhere) || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("exit code %d, want 125; stderr %q, want a line with %s", r.code, r.stderr, nowhere)
	}
}
