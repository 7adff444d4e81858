//go:build integration

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestTwoHundredShortTasks: a container that lives for milliseconds loses nothing of its log.
func TestTwoHundredShortTasks(t *testing.T) {
	t.Parallel()
	const n = 200
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t, "--capacity", "4")
	prefix := taskID(t)
	var tasks []amqp091.Publishing
	for i := range n {
		id := fmt.Sprintf("%s-%d", prefix, i)
		tasks = append(tasks, message(id, map[string]any{"image": image, "command": []string{"echo", "the line of " + id}}))
	}
	s.submit(t, tasks...)

	for _, task := range tasks {
		id := task.MessageId
		e := l.outcome(t, id, 1)
		if e.Type != "task.completed" {
			t.Errorf("%s: %s", id, e.Body)
		}
		l.checkLog(t, e)
		if _, _, text := l.log(id, 1); text != "the line of "+id+"\n" {
			t.Errorf("%s: the log is %q", id, text)
		}
	}
	if outcomes := l.all(isOutcome); len(outcomes) != n || len(l.repeats) > 0 {
		t.Errorf("%d outcomes for %d tasks, and %v came twice", len(outcomes), n, l.repeats)
	}
	if left := containers(t, "", s.worker); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
}

func TestAThirdOfAGigabyteOfLog(t *testing.T) {
	const size = 300_000_000
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t)
	id := taskID(t)
	s.submit(t, shell(id, fmt.Sprintf("yes 'a line of text as long as lines of text are, which is about eighty characters' | head -c %d", size)))

	e := l.outcome(t, id, 1)
	if e.Type != "task.completed" || e.Log.StdoutBytes != size || e.Log.Bytes != size || e.Log.DroppedBytes != 0 {
		t.Errorf("the outcome: %s", e.Body)
	}
	l.checkLog(t, e)
	peak := p.memory(t, "VmHWM")
	t.Logf("peak memory of the worker: %.1f MB; %v from start to outcome", float64(peak)/1e6, e.Time.Sub(l.awaitType(t, "task.started", id).Time))
	if peak >= 40e6 {
		t.Errorf("peak memory of the worker: %d bytes, want less than 40 MB", peak)
	}
}

func TestALineOfFiveMegabytes(t *testing.T) {
	t.Parallel()
	const size = 5_000_000
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t)
	id := taskID(t)
	s.submit(t, shell(id, fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x", size)))
	e := l.outcome(t, id, 1)
	l.checkLog(t, e)
	bytes, _, text := l.log(id, 1)
	if bytes != size || e.Log.StdoutBytes != size || strings.Trim(text, "x") != "" {
		t.Errorf("%d bytes came, the outcome: %s", bytes, e.Body)
	}
}

// TestLogBeyondItsLimit: beginning and end are kept, what is missing is counted and told.
func TestLogBeyondItsLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t, "--max-log-size", "200000")
	id := taskID(t)
	s.submit(t, shell(id, "echo begin; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end"))
	e := l.outcome(t, id, 1)
	l.checkLog(t, e)
	_, _, text := l.log(id, 1)
	if !strings.HasPrefix(text, "begin\nx") || !strings.HasSuffix(text, "x\nend\n") {
		t.Errorf("beginning and end of the log: %q … %q", text[:10], text[len(text)-10:])
	}
	if want := fmt.Sprintf("%d bytes of the log are missing here", e.Log.DroppedBytes); !strings.Contains(text, want) {
		t.Errorf("%q is not in the log", want)
	}
	if written := int64(len("begin\n") + 1000000 + len("\nend\n")); e.Log.StdoutBytes != written || e.Log.DroppedBytes < 800000 {
		t.Errorf("the outcome: %s", e.Body)
	}
}
