//go:build integration

package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestRubbishIsAnsweredAndDeadLettered(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	rubbish := []struct {
		name, body string
		pointers   []string // of the problems
		says       string
	}{
		{"text", "hello", []string{""}, "not JSON"},
		{"empty", "", []string{""}, "empty"},
		{"zeros", strings.Repeat("\x00", 5_000_000), []string{""}, "5000000 bytes"},
		{"array", `[{"image": "x"}]`, []string{""}, "must be an object, not an array"},
		{"more", `{"image": "x"} {"image": "y"}`, []string{""}, "follows"},
		{"unknown", `{"image": "x", "imagine": "y"}`, []string{"/imagine"}, `did you mean "image"?`},
		{"types", `{"image": 7, "command": "ls", "env": [], "tty": "yes"}`, []string{"/command", "/env", "/image", "/tty"}, "not a string"},
		{"three", `{"image": "x", "maxRunTime": 0, "env": {"TASK_ID": "y"}, "workingDir": "z"}`, []string{"/env/TASK_ID", "/maxRunTime", "/workingDir"}, "at least 1"},
		{"no image", `{}`, []string{"/image"}, "required"},
	}
	for _, r := range rubbish {
		s.submit(t, amqp091.Publishing{MessageId: strings.ReplaceAll(r.name, " ", "-") + s.worker[len(s.worker)-8:], Body: []byte(r.body)})
	}
	s.submit(t, amqp091.Publishing{MessageId: "this id/is not one", Body: []byte(`{"image": "x"}`)})
	good := taskID(t)
	s.submit(t, shell(good, "echo good"))
	s.start(t)

	if e := l.outcome(t, good, 1); e.Type != "task.completed" {
		t.Errorf("the good task: %s", e.Body)
	}
	answers := l.all(func(e event) bool { return isOutcome(e) && e.TaskID != good })
	if len(answers) != len(rubbish)+1 {
		t.Fatalf("%d answers to %d pieces of rubbish:\n%s", len(answers), len(rubbish)+1, l)
	}
	for i, e := range answers { // one slot: they come in order
		name, pointers, says := "message id", []string{""}, "this id/is not one"
		if i < len(rubbish) {
			name, pointers, says = rubbish[i].name, rubbish[i].pointers, rubbish[i].says
		}
		if e.Type != "task.exception" || e.Reason != "malformed-payload" || e.Retrying {
			t.Errorf("%s: %s", name, e.Body)
		}
		var got []string
		for _, p := range e.Problems {
			got = append(got, p.Pointer)
		}
		if diff := cmp.Diff(pointers, got); diff != "" {
			t.Errorf("%s: pointers of the problems (-want +got):\n%s", name, diff)
		}
		if !strings.Contains(strings.ReplaceAll(string(e.Body), `\"`, `"`), says) {
			t.Errorf("%s: %q is not in %s", name, says, e.Body)
		}
		// The person who wrote the task looks into its log.
		l.checkLog(t, e)
		if _, _, text := l.log(e.TaskID, 1); strings.Count(text, "\n") != len(pointers) {
			t.Errorf("%s: the task's log has not a line for each problem: %s", name, text)
		}
	}
	brokertest.Wait(t, patience, "all rubbish is dead-lettered", func() bool {
		return brokertest.Count(t, s.broker, s.queue+".dead") == len(rubbish)+1
	})
	if n := brokertest.Count(t, s.broker, s.queue); n != 0 {
		t.Errorf("%d messages left on the queue", n)
	}
}
