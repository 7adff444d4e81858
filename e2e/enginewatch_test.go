//go:build integration

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// engineWatch is the engine's own account of when containers of tasks ran.
type engineWatch struct {
	mu   sync.Mutex
	runs map[string][]containerRun // by task
}

// containerRun is one start of one container.
type containerRun struct {
	container, worker, attempt string
	started, ended             time.Time // ended is zero while it runs
}

// watchEngine listens to an engine ("" is the machine's) until the end of the test.
func watchEngine(t *testing.T, engine string) *engineWatch {
	t.Helper()
	// An engine tells what happened since: nothing is missed between this line and its first answer.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", dockerArgs(engine, "events",
		"--since", fmt.Sprint(time.Now().Unix()), "--filter", "type=container", "--filter", "event=start", "--filter", "event=die",
		"--filter", "label=docker-worker.task", "--format", "{{json .}}")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("listen to the engine: %v", err)
	}
	w := &engineWatch{runs: map[string][]containerRun{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.note(lines.Bytes())
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	return w
}

func (w *engineWatch) note(line []byte) {
	var e struct {
		Action   string
		TimeNano int64
		Actor    struct {
			ID         string
			Attributes map[string]string
		}
	}
	if json.Unmarshal(line, &e) != nil {
		return
	}
	task, at := e.Actor.Attributes["docker-worker.task"], time.Unix(0, e.TimeNano)
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Action == "start" {
		w.runs[task] = append(w.runs[task], containerRun{
			container: e.Actor.ID, worker: e.Actor.Attributes["docker-worker.worker"],
			attempt: e.Actor.Attributes["docker-worker.attempt"], started: at,
		})
		return
	}
	for i := range w.runs[task] {
		if run := &w.runs[task][i]; run.container == e.Actor.ID {
			run.ended = at
		}
	}
}

// of are the runs of a task so far, in the order of their starts.
func (w *engineWatch) of(task string) []containerRun {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.runs[task])
}

// ended waits until all runs of a task have ended, of which there must be n, and returns them.
func (w *engineWatch) ended(t *testing.T, task string, n int) []containerRun {
	t.Helper()
	var runs []containerRun
	brokertest.Wait(t, patience, fmt.Sprintf("the engine has seen %d containers of %s end", n, task), func() bool {
		runs = w.of(task)
		return len(runs) >= n && !slices.ContainsFunc(runs, func(r containerRun) bool { return r.ended.IsZero() })
	})
	if len(runs) != n {
		t.Errorf("%s: %d containers were started, want %d: %v", task, len(runs), n, runs)
	}
	return runs
}

// once checks that each of the tasks ran in one container, which was started once.
func (w *engineWatch) once(t *testing.T, tasks counts) {
	t.Helper()
	for id := range tasks {
		w.ended(t, id, 1)
	}
}
