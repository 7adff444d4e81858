//go:build integration

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosLeastPermissions gives everybody the permissions that docs/operations.md names, and no others. They suffice
// for what each does, and for nothing else.
func TestChaosLeastPermissions(t *testing.T) {
	t.Parallel()
	node := brokertest.StartNode(t)
	as := func(user string) string {
		return "amqp://" + user + ":secret@" + brokertest.Host(t, node.URL)
	}
	for user, patterns := range documentedPermissions(t) {
		node.Ctl(t, "add_user", user, "secret")
		node.Ctl(t, append([]string{"set_permissions", user}, patterns...)...)
	}
	s := &site{
		broker: node.URL, queue: "builds", exchange: "docker-worker.events", kind: "topic",
		worker: brokertest.Name(t), stateDir: t.TempDir(),
	}
	s.declare(t)

	// The worker makes the exchanges; the second one finds them, and must not touch them.
	s.start(t, "--amqp", as("worker")).drain(t)
	narrow := documentedPermissions(t)["worker"]
	narrow[0] = strings.Replace(narrow[0], "events|control|", "", 1)
	node.Ctl(t, append([]string{"set_permissions", "worker"}, narrow...)...)
	watched := watchAs(t, as("watcher"), s)
	for _, way := range []struct{ user, lease string }{{"worker", "5m"}, {"holder", "0"}} {
		p := s.start(t, "--amqp", as(way.user), "--lease", way.lease)
		testSubmitter(t, s, as("submitter"))
		if r := programIn(t, []string{"DOCKER_WORKER_AMQP=" + as("sender")}, "not a task", "submit", s.queue, "-"); r.code != 0 {
			t.Errorf("submit and no more: exit code %d\n%s", r.code, r.stderr)
		}
		for _, reason := range []string{"completed", "canceled", "malformed-payload"} {
			if got := (<-watched).Body; !strings.Contains(string(got), `"reason":"`+reason+`"`) {
				t.Errorf("the watcher heard %s, want %s", got, reason)
			}
		}
		p.drain(t)
		for _, complaint := range []string{"level=WARN", "level=ERROR"} {
			if said := p.log.lines(complaint); len(said) > 0 {
				t.Errorf("%s lacks something: %s", way.user, said)
			}
		}
	}
	s.checkEmpty(t)
	brokertest.Wait(t, patience, "what was no task is with the dead letters", func() bool { return brokertest.Count(t, s.broker, s.queue+".dead") == 2 })
	testRefused(t, as)
}

// documentedPermissions are the three patterns of each user, as the page has them.
func documentedPermissions(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(page)) {
		if rest, ok := strings.CutPrefix(line, "    rabbitmqctl set_permissions "); ok {
			words := strings.Fields(strings.ReplaceAll(rest, "'", ""))
			found[words[0]] = words[1:]
		}
	}
	for _, user := range []string{"worker", "holder", "submitter", "sender", "watcher"} {
		if len(found[user]) != 3 {
			t.Fatalf("docs/operations.md gives %q these permissions: %q", user, found[user])
		}
	}
	return found
}

// testSubmitter submits, follows and cancels.
func testSubmitter(t *testing.T, s *site, broker string) {
	t.Helper()
	env := []string{"DOCKER_WORKER_AMQP=" + broker}
	r := programIn(t, env, `{"image": "`+image+`", "command": ["echo", "here"]}`, "submit", "--follow", s.queue, "-")
	if r.code != 0 || r.stdout != "here\n" {
		t.Errorf("submit --follow: exit code %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
	l := s.listen(t, "task.started.#")
	id := taskID(t)
	if r := programIn(t, env, `{"image": "`+image+`", "command": ["sleep", "600"], "stopGrace": 1}`, "submit", "--task-id", id, s.queue, "-"); r.code != 0 {
		t.Errorf("submit: exit code %d, %s", r.code, r.stderr)
	}
	l.awaitType(t, "task.started", id)
	if r := programIn(t, env, "", "cancel", id); r.code != 0 {
		t.Errorf("cancel: exit code %d, %s", r.code, r.stderr)
	}
}

// watchAs hears the outcomes of a site's tasks.
func watchAs(t *testing.T, broker string, s *site) <-chan amqp091.Delivery {
	t.Helper()
	ch := brokertest.Channel(t, broker)
	if _, err := ch.QueueDeclare("watch.outcomes", false, true, true, false, nil); err != nil {
		t.Fatalf("the watcher's queue: %v", err)
	}
	for _, key := range []string{"task.completed.#", "task.failed.#", "task.exception.#"} {
		if err := ch.QueueBind("watch.outcomes", key, s.exchange, false, nil); err != nil {
			t.Fatalf("the watcher's binding: %v", err)
		}
	}
	deliveries, err := ch.Consume("watch.outcomes", "", true, true, false, false, nil)
	if err != nil {
		t.Fatalf("the watcher's consumer: %v", err)
	}
	return deliveries
}

// testRefused tries what nobody should be able to do.
func testRefused(t *testing.T, as func(user string) string) {
	t.Helper()
	take := func(ch *amqp091.Channel) error {
		_, _, err := ch.Get("builds", false)
		return err
	}
	order := func(ch *amqp091.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
		sent, err := ch.PublishWithDeferredConfirm("docker-worker.control", "all.cancel.x", false, false, amqp091.Publishing{})
		if err != nil {
			return err
		}
		if ok, err := sent.WaitContext(t.Context()); ok && err == nil {
			return nil
		}
		return <-closed
	}
	remove := func(ch *amqp091.Channel) error {
		_, err := ch.QueueDelete("builds", false, false, false)
		return err
	}
	for _, test := range []struct {
		user, what string
		try        func(*amqp091.Channel) error
	}{
		{"worker", "delete the task queue", remove},
		{"holder", "delete the task queue", remove},
		{"submitter", "take a task", take},
		{"submitter", "delete the task queue", remove},
		{"sender", "take a task", take},
		{"sender", "give an order", order},
		{"watcher", "take a task", take},
		{"watcher", "give an order", order},
	} {
		err := test.try(brokertest.Channel(t, as(test.user)))
		if e, ok := err.(*amqp091.Error); !ok || e.Code != amqp091.AccessRefused { //nolint:errorlint // the library returns it as it is
			t.Errorf("%s can %s: %v", test.user, test.what, err)
		}
	}
}
