//go:build integration

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// patience bounds what must happen soon. It is reached only when it does not happen, on a machine that does other work
// beside.
const patience = 60 * time.Second

// result is what a command printed and how it ended.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// program runs docker-worker to its end, with the machine's broker unless args name another.
func program(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return programIn(t, nil, stdin, args...)
}

// programIn adds variables to the environment.
func programIn(t *testing.T, env []string, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := command(ctx, env, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begun := time.Now()
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("docker-worker %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), time.Since(begun)}
}

// command is docker-worker with an environment that holds nothing of ours but the broker and the engine.
func command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Getenv(binaryVariable), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "DOCKER_WORKER_AMQP=" + brokertest.URL()}
	if engine := os.Getenv("DOCKER_HOST"); engine != "" {
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+engine)
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// tool runs another program and returns what it prints.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// logbook takes what a process prints and lets a test wait for a text in it.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func newLogbook() *logbook { return &logbook{more: make(chan struct{})} }

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.more)
	l.more = make(chan struct{})
	return l.text.Write(p)
}

func (l *logbook) read() (text string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.more
}

func (l *logbook) String() string {
	text, _ := l.read()
	return text
}

// await returns when the text was printed, at once when it was before. It fails the test when that does not happen, or
// when the process ends first.
func (l *logbook) await(t *testing.T, text string, ended <-chan struct{}) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		got, more := l.read()
		if strings.Contains(got, text) {
			return
		}
		select {
		case <-more:
		case <-ended:
			if strings.Contains(l.String(), text) {
				return
			}
			t.Fatalf("the process ended without printing %q:\n%s", text, got)
		case <-limit.C:
			t.Fatalf("waited %v in vain for %q in:\n%s", patience, text, got)
		}
	}
}

// timeOf is when the process said the first line that contains the text, by its own clock.
func (l *logbook) timeOf(t *testing.T, text string) time.Time {
	t.Helper()
	lines := l.lines(text)
	if len(lines) == 0 {
		t.Fatalf("%q was not said:\n%s", text, l)
	}
	stamp, _, _ := strings.Cut(strings.TrimPrefix(lines[0], "time="), " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		t.Fatalf("when was this said: %s: %v", lines[0], err)
	}
	return at
}

// lines are those that contain the text.
func (l *logbook) lines(text string) []string {
	var found []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}
