//go:build integration

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// This file is what the tests named TestChaos have in common: tasks whose log can be checked line by line, and the
// question at the end of each whether every task came to its one outcome and left nothing behind.

// sized is how much of something a test does: a little by default, all of it with DOCKER_WORKER_CHAOS=full.
func sized[T any](short, full T) T {
	if fullChaos() {
		return full
	}
	return short
}

func fullChaos() bool { return os.Getenv("DOCKER_WORKER_CHAOS") == "full" }

// counts are tasks that count, by id: how many lines they write to each of their streams.
type counts map[string]int

// add makes a task that writes n numbered lines to each stream, ten in a second.
func (c counts) add(t *testing.T, n int) amqp091.Publishing {
	t.Helper()
	id := taskID(t)
	c[id] = n
	return shell(id, fmt.Sprintf(`i=0; while [ $i -lt %d ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); sleep 0.1; done`, n))
}

// await waits for the outcomes of all tasks, each at the given attempt.
func (c counts) await(t *testing.T, l *listener, attempt int) {
	t.Helper()
	for id := range c {
		l.outcome(t, id, attempt)
	}
}

// check holds what was heard of all tasks against what should have been: the very outcomes, and logs without a line too
// few, too many or out of order.
func (c counts) check(t *testing.T, l *listener, want map[string][]string) {
	t.Helper()
	if diff := cmp.Diff(want, l.outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	for _, e := range l.all(isOutcome) {
		l.checkLog(t, e)
		n, counting := c[e.TaskID]
		if !counting || e.Reason != "completed" {
			continue
		}
		for stream, word := range map[string]string{"stdout": "out", "stderr": "err"} {
			if diff := cmp.Diff(numberedLines(word, n), l.stream(e.TaskID, e.Attempt, stream)); diff != "" {
				t.Errorf("%s of %s, attempt %d (-want +got):\n%s", stream, e.TaskID, e.Attempt, diff)
			}
		}
		if said := l.stream(e.TaskID, e.Attempt, "worker"); said != "" {
			t.Errorf("the worker has something to say in the log of %s: %s", e.TaskID, said)
		}
	}
}

// completed is what should come of tasks that end well at the given attempt, and are heard of no more often.
func (c counts) completed(attempt int) map[string][]string {
	want := map[string][]string{}
	for id := range c {
		want[id] = []string{fmt.Sprintf("%d completed", attempt)}
	}
	return want
}

func numberedLines(word string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s %d\n", word, i)
	}
	return b.String()
}

// outcomes are all that were heard, by task: attempt and reason.
func (l *listener) outcomes() map[string][]string {
	found := map[string][]string{}
	for _, e := range l.all(isOutcome) {
		found[e.TaskID] = append(found[e.TaskID], fmt.Sprintf("%d %s", e.Attempt, e.Reason))
	}
	return found
}

// drain ends a worker in order.
func (p *process) drain(t *testing.T) {
	t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Errorf("the worker's exit code is %d, want 0", code)
	}
}

// checkEmpty looks, after the workers have ended, for anything that should not be there any more: a message in the task
// queue or the claims queue, a container, a journal.
func (s *site) checkEmpty(t *testing.T) {
	t.Helper()
	for _, queue := range []string{s.queue, s.claims()} {
		brokertest.Wait(t, patience, "nothing is left in "+queue, func() bool { return brokertest.Count(t, s.broker, queue) <= 0 })
	}
	if left := containers(t, s.engine, s.worker); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
	journals, err := filepath.Glob(filepath.Join(s.stateDir, s.worker, "tasks", "*"))
	if err != nil || len(journals) > 0 {
		t.Errorf("journals left: %v, %v", journals, err)
	}
}

// claims is the name of the queue that keeps the worker's leases.
func (s *site) claims() string { return "docker-worker.claims." + s.queue + "." + s.worker }

// beside is another worker on the same queue and the same engine: it has an id and a state directory of its own.
func (s *site) beside(t *testing.T, name string) *site {
	t.Helper()
	other := *s
	other.worker, other.stateDir = s.worker+"."+name, t.TempDir()
	brokertest.DeleteQueue(t, s.broker, other.claims())
	return &other
}
