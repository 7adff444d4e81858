//go:build integration

package e2e

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// site is the place of one test: names that nobody else uses, and what a worker is started with.
type site struct {
	broker   string // URL
	queue    string // with queue.dead beside it
	exchange string // for events
	kind     string // of the exchange
	worker   string // worker id
	stateDir string
	engine   string   // DOCKER_HOST; "" is the machine's
	prefix   []string // a command that runs the worker somewhere else
}

// newSite declares the queue as an operator would. All of it is gone after the test.
func newSite(t *testing.T, broker string) *site {
	t.Helper()
	name := brokertest.Name(t)
	s := &site{broker: broker, queue: name, exchange: name + ".events", kind: "topic", worker: name, stateDir: t.TempDir()}
	for _, queue := range []string{s.queue, s.queue + ".dead", "docker-worker.claims." + s.queue + "." + s.worker} {
		brokertest.DeleteQueue(t, broker, queue)
	}
	for _, exchange := range []string{s.exchange, s.queue + ".dead"} {
		brokertest.DeleteExchange(t, broker, exchange)
	}
	s.declare(t)
	return s
}

// declare makes the queue.
func (s *site) declare(t *testing.T) {
	t.Helper()
	if r := programIn(t, []string{"DOCKER_WORKER_AMQP=" + s.broker}, "", "queue", "declare", s.queue); r.code != 0 {
		t.Fatalf("declare the queue: exit code %d\n%s", r.code, r.stderr)
	}
}

// submit puts tasks on the queue: bodies with ids, as any client would.
func (s *site) submit(t *testing.T, tasks ...amqp091.Publishing) {
	t.Helper()
	brokertest.Publish(t, s.broker, s.queue, tasks...)
}

// shell is a message whose task runs a script, and exits with its exit code.
func shell(id, script string) amqp091.Publishing {
	return message(id, map[string]any{"image": image, "command": []string{"sh", "-c", script}, "stopGrace": 1})
}

func message(id string, task map[string]any) amqp091.Publishing {
	body, err := json.Marshal(task)
	if err != nil {
		panic(err) // a map of plain values
	}
	return amqp091.Publishing{MessageId: id, ContentType: "application/json", Body: body}
}

// taskID is unique.
func taskID(t *testing.T) string {
	t.Helper()
	name := brokertest.Name(t)
	return "task-" + name[strings.LastIndexByte(name, '.')+1:]
}

// containers are those that the engine has of a worker for tasks, running or not: a line for each, its task and its state.
func containers(t *testing.T, engine, worker string) []string {
	t.Helper()
	return strings.Fields(tool(t, "docker", dockerArgs(engine, "ps", "-a",
		"--filter", "label=docker-worker.worker="+worker, "--filter", "label=docker-worker.task", "--format", `{{.Label "docker-worker.task"}}/{{.State}}`)...))
}

func dockerArgs(engine string, args ...string) []string {
	if engine == "" {
		return args
	}
	return append([]string{"-H", engine}, args...)
}

// removeLeft ends and removes what a failed test has left of a worker, and the caches of any.
func removeLeft(engine, worker string) {
	label := "label=docker-worker.worker=" + worker
	for _, kind := range []struct{ list, remove []string }{
		{[]string{"ps", "-aq", "--filter", label}, []string{"rm", "-f", "-v"}},
		{[]string{"network", "ls", "-q", "--filter", label}, []string{"network", "rm"}},
		{[]string{"volume", "ls", "-q", "--filter", label}, []string{"volume", "rm", "-f"}},
	} {
		ids, err := exec.Command("docker", dockerArgs(engine, kind.list...)...).Output()
		if err != nil {
			return // the test stopped its engine
		}
		for _, id := range strings.Fields(string(ids)) {
			_ = exec.Command("docker", dockerArgs(engine, append(slices.Clone(kind.remove), id)...)...).Run()
		}
	}
}
