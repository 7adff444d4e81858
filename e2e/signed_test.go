//go:build integration

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
	"github.com/docker-worker/docker-worker/internal/signature"
)

// signWith signs a message as docker-worker submit does, with the key in a file.
func signWith(t *testing.T, file string, m amqp091.Publishing, at time.Time) amqp091.Publishing {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	m.Headers = amqp091.Table{signature.Header: signature.Sign(key, m.MessageId, at, m.Body)}
	return m
}

// newSigningKey makes a pair of keys in files.
func newSigningKey(t *testing.T) (private, public string) {
	t.Helper()
	dir := t.TempDir()
	if r := program(t, "", "key", "generate", "--signing", dir); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	return filepath.Join(dir, "sign.key"), filepath.Join(dir, "sign.key.pub")
}

// TestOnlySignedTasksRun: what a sender whom the worker trusts has not signed, in these words, under this id and lately,
// is dead-lettered, and says why.
func TestOnlySignedTasksRun(t *testing.T) {
	t.Parallel()
	key, public := newSigningKey(t)
	foreign, _ := newSigningKey(t)
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t, "--trusted-key", public, "--signature-max-age", "1h")

	now := time.Now()
	good := signWith(t, key, shell(taskID(t), "true"), now)
	altered := signWith(t, key, shell(taskID(t), "true"), now)
	altered.Body = []byte(strings.Replace(string(altered.Body), "true", "true; echo mine", 1))
	replayed := good
	replayed.MessageId = taskID(t)
	old := signWith(t, key, shell(taskID(t), "true"), now.Add(-2*time.Hour))
	byAnother := signWith(t, foreign, shell(taskID(t), "true"), now)
	unsigned := shell(taskID(t), "true")

	refusals := map[string]string{
		unsigned.MessageId:  "the task is not signed",
		altered.MessageId:   "the signature does not match",
		replayed.MessageId:  "the signature does not match",
		old.MessageId:       "the signature is out of its time",
		byAnother.MessageId: "signed with a key that is not trusted here",
	}
	s.submit(t, unsigned, altered, replayed, old, byAnother, good)
	if e := l.outcome(t, good.MessageId, 1); e.Type != "task.completed" {
		t.Errorf("the task that is good: %s", e.Body)
	}
	for id, why := range refusals {
		e := l.outcome(t, id, 1)
		_, _, log := l.log(id, 1)
		if e.Reason != "malformed-payload" || !strings.Contains(e.Message, why) || !strings.Contains(log, why) || e.ContainerID != "" {
			t.Errorf("want %q, got %s and the log %q", why, e.Body, log)
		}
	}
	brokertest.Wait(t, patience, "the refused are in the dead-letter queue", func() bool {
		return brokertest.Count(t, s.broker, s.queue+".dead") == len(refusals)
	})
	// The program signs as these tests do.
	id := taskID(t)
	if r := program(t, `{"image": "`+image+`", "command": ["echo", "hello"]}`, "submit", "--follow", "--sign-with", key, "--task-id", id, s.queue, "-"); r.code != 0 || r.stdout != "hello\n" {
		t.Errorf("submit --sign-with: %+v", r)
	}
}

// TestASignatureGoesWithItsTask: through a claim, over the death of a worker, and back to the queue for another attempt.
func TestASignatureGoesWithItsTask(t *testing.T) {
	t.Parallel()
	key, public := newSigningKey(t)
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	trusting := []string{"--trusted-key", public}
	p := s.start(t, trusting...)
	task := signWith(t, key, shell(taskID(t), `trap 'exit 1' TERM; [ "$ATTEMPT" = 2 ] || while :; do sleep 0.1; done`), time.Now())
	s.submit(t, task)
	l.awaitType(t, "task.started", task.MessageId)
	p.kill()
	p = s.start(t, trusting...)
	p.log.await(t, adopted, p.ended)
	p.signal(syscall.SIGTERM)
	p.log.await(t, "no new task is taken", p.ended)
	p.signal(syscall.SIGTERM)
	if e := l.outcome(t, task.MessageId, 1); e.Reason != "worker-shutdown" || !e.Retrying {
		t.Errorf("attempt 1: %s", e.Body)
	}
	p.exit(t)
	s.start(t, trusting...)
	if e := l.outcome(t, task.MessageId, 2); e.Type != "task.completed" {
		t.Errorf("attempt 2: %s", e.Body)
	}
}
