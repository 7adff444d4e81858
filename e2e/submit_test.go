//go:build integration

package e2e

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestSubmitPrintsTheID(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t)
	r := program(t, `{"image": "docker-worker/taskenv-pass"}`, "submit", s.queue, "-")
	if r.code != 0 || r.stderr != "" || !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$`).MatchString(r.stdout) {
		t.Fatalf("exit code %d, stdout %q, stderr %q; want an id alone", r.code, r.stdout, r.stderr)
	}
	l.outcome(t, strings.TrimSpace(r.stdout), 1)

	id := taskID(t)
	if r := program(t, "", "submit", "--task-id", id, s.queue, "../examples/pass.json"); r.code != 0 || r.stdout != id+"\n" {
		t.Errorf("exit code %d, stdout %q, want %s", r.code, r.stdout, id)
	}
	l.outcome(t, id, 1)
}

func TestSubmitFollows(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t)
	tests := expectations(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := program(t, test.task, "submit", "--follow", s.queue, "-")
			if r.code != test.code || r.stdout != test.stdout || !strings.Contains(r.stderr, test.stderr) || !strings.HasPrefix(r.stderr, "task ") {
				t.Errorf("exit code %d, want %d\nstdout %q, want %q\nstderr %q, want the id first, and %q", r.code, test.code, r.stdout, test.stdout, r.stderr, test.stderr)
			}
		})
	}
	// What the follower saw was told to everybody, once.
	if n := len(l.all(isOutcome)); n != len(tests) {
		t.Errorf("%d outcomes for %d tasks", n, len(tests))
	}
}

// TestSubmitFollowsInterrupted: the follower goes, the task goes on.
func TestSubmitFollowsInterrupted(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t)
	id := taskID(t)
	cmd := command(context.WithoutCancel(t.Context()), nil, "submit", "--follow", "--events", "--task-id", id, s.queue, "-")
	body, err := json.Marshal(map[string]any{"image": image, "command": []string{"sh", "-c", "echo here; sleep 3"}})
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = strings.NewReader(string(body))
	stderr, ended := newLogbook(), make(chan struct{})
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	stderr.await(t, "here\n", ended)
	_ = cmd.Process.Signal(syscall.SIGINT)
	<-ended
	if code := cmd.ProcessState.ExitCode(); code != 125 || !strings.Contains(stderr.String(), "the task goes on") {
		t.Errorf("exit code %d, want 125; stderr %q", code, stderr)
	}
	if e := l.outcome(t, id, 1); e.Type != "task.completed" {
		t.Errorf("the task: %s", e.Body)
	}
}

func TestSubmitInVain(t *testing.T) {
	t.Parallel()
	absent := brokertest.Name(t)
	nobody := closedPort(t)
	for _, test := range []struct {
		name   string
		broker string
		follow bool
		code   int
		says   string
	}{
		{"no queue", brokertest.URL(), false, 6, "docker-worker queue declare " + absent},
		{"no queue, follow", brokertest.URL(), true, 125, absent},
		{"no broker", "amqp://" + nobody, false, 4, nobody},
		{"no broker, follow", "amqp://" + nobody, true, 125, nobody},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"submit"}
			if test.follow {
				args = append(args, "--follow")
			}
			r := programIn(t, []string{"DOCKER_WORKER_AMQP=" + test.broker}, `{"image": "x"}`, append(args, absent, "-")...)
			if r.code != test.code || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, test.says) {
				t.Errorf("exit code %d, want %d; stdout %q; stderr %q, want one line with %q", r.code, test.code, r.stdout, r.stderr, test.says)
			}
		})
	}
	if n := brokertest.Count(t, brokertest.URL(), absent); n != -1 {
		t.Errorf("the queue was made")
	}
}
