//go:build integration

package e2e

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// heard is a line of testdata/watch.py: a message as pika gives it.
type heard struct {
	RoutingKey    string `json:"routing_key"`
	Type          string `json:"type"`
	MessageID     string `json:"message_id"`
	CorrelationID string `json:"correlation_id"`
	AppID         string `json:"app_id"`
	ContentType   string `json:"content_type"`
	DeliveryMode  int    `json:"delivery_mode"`
	Timestamp     int64
	Headers       map[string]any
	Body          string
}

// TestTasksOfOtherClients: neither the sender nor the receiver of the tasks is ours.
func TestTasksOfOtherClients(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	s.exchange = "docker-worker.events" // the default: it stays
	watch := startWatch(t, s.broker, s.exchange)
	s.start(t)

	body := func(name string) string {
		return `{"image": "` + image + `", "command": ["taskhost-who", "` + name + `"], "metadata": {"name": "` + s.worker + name + `"}}`
	}
	tool(t, "amqp-publish", "--url="+s.broker, "-r", s.queue, "-p", "-C", "application/json", "-b", body("tools"))
	id := taskID(t)
	tool(t, "/usr/bin/python3", "testdata/publish.py", s.broker, s.queue, id, body("pika"))

	seen := map[string]bool{}
	for _, name := range []string{"tools", "pika"} {
		story := watch.story(t, s.worker+name)
		if name == "pika" && story[0].CorrelationID != id {
			t.Errorf("the task with message_id %s is told as %s", id, story[0].CorrelationID)
		}
		var types []string
		for _, m := range story {
			if m.Type != "task.preparing" { // as often as the pull takes seconds
				types = append(types, m.Type)
			}
			if seen[m.MessageID] {
				t.Errorf("message_id %s came twice", m.MessageID)
			}
			seen[m.MessageID] = true
			if m.AppID != s.worker || m.DeliveryMode != 2 || m.Timestamp == 0 {
				t.Errorf("%s: app_id %q, delivery_mode %d, timestamp %d", m.MessageID, m.AppID, m.DeliveryMode, m.Timestamp)
			}
			if m.Type == "task.log" && (m.Body != name+"\n" || m.Headers["stream"] != "stdout" || m.Headers["offset"] != 0.0) {
				t.Errorf("task.log %q with headers %v", m.Body, m.Headers)
			}
		}
		if diff := cmp.Diff([]string{"task.claimed", "task.started", "task.log", "task.completed"}, types); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
	}
}

func TestRepliesGoToTheQueueThatTheSenderNames(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t)
	ch := brokertest.Channel(t, s.broker)
	replies, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	deliveries, err := ch.Consume(replies.Name, "", true, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := taskID(t)
	task := shell(id, "echo out; echo err >&2")
	task.ReplyTo, task.CorrelationId = replies.Name, "the sender's own"
	task.Headers = map[string]any{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	s.submit(t, task)

	l.outcome(t, id, 1)
	type line struct{ ID, Type, Correlation, Body string }
	var want, got []line
	for _, e := range l.all(func(e event) bool { return e.TaskID == id }) {
		want = append(want, line{e.MessageId, e.Type, "the sender's own", string(e.Body)})
	}
	for d := range deliveries {
		if d.Headers["traceparent"] != task.Headers["traceparent"] {
			t.Errorf("%s has headers %v, want the traceparent of the task", d.MessageId, d.Headers)
		}
		if d.Type == "task.log" {
			continue
		}
		got = append(got, line{d.MessageId, d.Type, d.CorrelationId, string(d.Body)})
		if d.Type == "task.completed" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replies (-events +replies):\n%s", diff)
	}
}

// watch is testdata/watch.py under way.
type watch struct {
	lines *bufio.Scanner
	all   []heard
}

func startWatch(t *testing.T, broker, exchange string) *watch {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/watch.py", broker, exchange, "task.#")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs := newLogbook()
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the pika consumer: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log("the pika consumer: " + errs.String())
		}
	})
	w := &watch{lines: bufio.NewScanner(out)}
	w.lines.Buffer(nil, 1<<20)
	if !w.lines.Scan() || w.lines.Text() != "bound" {
		t.Fatalf("the pika consumer says %q", w.lines.Text())
	}
	return w
}

// story reads until the outcome of the task with that metadata name, and returns all that was heard of it, in order.
func (w *watch) story(t *testing.T, name string) []heard {
	t.Helper()
	id := ""
	complete := func() []heard {
		var story []heard
		for _, m := range w.all {
			if id != "" && m.CorrelationID == id {
				story = append(story, m)
			}
		}
		if len(story) == 0 || story[len(story)-1].Type != "task.completed" {
			return nil
		}
		return story
	}
	for {
		for _, m := range w.all {
			var claimed fields
			if m.Type == "task.claimed" && json.Unmarshal([]byte(m.Body), &claimed) == nil && claimed.Metadata["name"] == name {
				id = m.CorrelationID
			}
		}
		if story := complete(); story != nil {
			return story
		}
		if !w.lines.Scan() {
			t.Fatalf("the pika consumer ended: %v", w.lines.Err())
		}
		var m heard
		if err := json.Unmarshal(w.lines.Bytes(), &m); err != nil {
			t.Fatalf("the pika consumer says %s: %v", w.lines.Text(), err)
		}
		w.all = append(w.all, m)
	}
}
