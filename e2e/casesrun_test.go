//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// generous are the flags of a worker that allows what a task can ask for, and sets limits.
var generous = []string{"--allow", "privileged", "--allow", "no-seccomp", "--allow", "capability=NET_ADMIN", "--allow", "capability=SYS_PTRACE",
	"--allow", "network=host", "--allow-image", "docker-worker/*", "--max-run-time", "2h", "--max-memory", "1g", "--max-cpus", "64"}

// TestCases runs the cases of cases_test.go. To run one: -run 'TestCases/ordinary/a_misspelt_field'.
func TestCases(t *testing.T) {
	registry := emptyRegistry(t)
	for host, flags := range map[string][]string{"ordinary": nil, "generous": append(generous, "--artifact-store", t.TempDir())} {
		t.Run(host, func(t *testing.T) {
			s := newSite(t, brokertest.URL())
			l := s.listen(t)
			s.start(t, append([]string{"--capacity", "4"}, flags...)...)
			prefix := taskID(t)
			cases := map[string]payloadCase{} // by task id
			var tasks []amqp091.Publishing
			for i, c := range payloadCases {
				if c.host == host || c.host == "" && host == "ordinary" {
					id := fmt.Sprintf("%s-%d", prefix, i)
					cases[id] = c
					tasks = append(tasks, amqp091.Publishing{MessageId: id, Body: caseBody(t, c.task, registry), DeliveryMode: amqp091.Persistent})
				}
			}
			s.submit(t, tasks...)
			for _, task := range tasks {
				outcome := l.outcome(t, task.MessageId, 1)
				c := cases[task.MessageId]
				t.Run(c.name, func(t *testing.T) { c.check(t, l, outcome) })
			}
			if left := containers(t, s.engine, s.worker); len(left) > 0 {
				t.Errorf("containers are left: %v", left)
			}
		})
	}
}

// caseBody completes the task of a case.
func caseBody(t *testing.T, task, registry string) []byte {
	t.Helper()
	body := map[string]any{}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(task, "$REGISTRY", registry)), &body); err != nil {
		t.Fatalf("%s: %v", task, err)
	}
	if body["image"] == nil {
		body["image"] = "docker-worker/taskenv-pass"
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (c payloadCase) check(t *testing.T, l *listener, outcome event) {
	got := outcome.Reason
	if outcome.ExitCode != nil {
		got += fmt.Sprintf(" %d", *outcome.ExitCode)
	}
	for _, p := range outcome.Problems {
		got += " " + p.Pointer
	}
	if got != c.want {
		t.Errorf("%s\n     got %s (%s)\nwant %s", c.task, got, outcome.Message, c.want)
	}
	_, _, log := l.log(outcome.TaskID, 1)
	if part, ok := strings.CutPrefix(c.log, "…"); ok {
		if !strings.Contains(log, part) {
			t.Errorf("%s\nthe log has no %q:\n%s", c.task, part, log)
		}
	} else if stdout := l.stream(outcome.TaskID, 1, "stdout"); c.log != "" && stdout != c.log {
		t.Errorf("%s\nstdout is %q, want %q; the log:\n%s", c.task, stdout, c.log, log)
	}
	l.checkLog(t, outcome)
}
