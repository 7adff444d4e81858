//go:build integration

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
	"github.com/docker-worker/docker-worker/internal/mask"
)

// recorder keeps every message of an exchange as it came, properties and all.
type recorder struct {
	mu       sync.Mutex
	messages []string
}

// record begins to keep them. The exchange is there already.
func (s *site) record(t *testing.T) *recorder {
	t.Helper()
	ch, r := brokertest.Channel(t, s.broker), &recorder{}
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = ch.QueueBind(q.Name, "#", s.exchange, false, nil)
	}
	if err != nil {
		t.Fatalf("bind a queue: %v", err)
	}
	r.consume(t, ch, q.Name)
	return r
}

// consume keeps what comes to a queue.
func (r *recorder) consume(t *testing.T, ch *amqp091.Channel, queue string) {
	t.Helper()
	deliveries, err := ch.Consume(queue, "", true, false, false, false, nil)
	if err != nil {
		t.Fatalf("consume: %v", err)
	}
	go func() {
		for d := range deliveries {
			r.mu.Lock()
			r.messages = append(r.messages, fmt.Sprintf("%s %s %v %s", d.RoutingKey, d.MessageId, d.Headers, d.Body))
			r.mu.Unlock()
		}
	}()
}

func (r *recorder) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.messages, "\n")
}

// files is everything in the files below a directory.
func files(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatalf("read %s: %v", dir, err)
	}
	return all.String()
}

// secretForms are what must not be seen of a secret. Its ends are left out of the encodings that mix them with what is
// around.
func secretForms(secret string) []string {
	forms := []string{secret, secret[4:12], secret[4:], hex.EncodeToString([]byte(secret[4:])), strings.ToUpper(hex.EncodeToString([]byte(secret[4:]))), url.QueryEscape(secret[4:])}
	for before := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + secret))
		forms = append(forms, text[4:len(text)-8])
	}
	return forms
}

// say prints a secret in every way that a busybox has, to both streams, as a whole and one character at a time.
const say = `
bits() { text=$1; while [ -n "$text" ]; do printf '%s' "${text:0:1}"; text=${text:1}; [ $((${#text} % 5)) = 0 ] && sleep 0.01; done; echo; }
hexed() { od -An -v -tx1 | tr -d ' \n'; echo; }
tell() {
	echo "it is $TOKEN."
	bits "it is $TOKEN, bit by bit"
	bits "$TOKEN$TOKEN"
	printf '%s' "$TOKEN" | base64
	printf 'x%s' "$TOKEN" | base64
	printf 'xy%sz' "$TOKEN" | base64
	printf 'user:%s' "$TOKEN" | base64 | tr -d '\n='; echo
	printf '%s' "$TOKEN" | hexed
	printf '%s' "$TOKEN" | hexed | tr a-f A-F
	echo "https://host/?token=$QUOTED"
	printf '{"token": "%s"}\n' "$(printf '%s' "$TOKEN" | sed 's/["\\]/\\&/g')"
	(set -x; : "$TOKEN") 2>&1
}
`

// TestSecretsNeverLeave: whatever a command does with a secret by accident, and whatever becomes of the worker, it is not
// in a message, in a file of the worker or in the operator's log.
func TestSecretsNeverLeave(t *testing.T) {
	t.Parallel()
	const secret = `pA7"s/w0rd+x=9 'q' \z-end`
	s := newSite(t, brokertest.URL())
	l, recorded := s.listen(t), s.record(t) // the former makes the exchange
	reply := brokertest.Channel(t, s.broker)
	q, err := reply.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	recorded.consume(t, reply, q.Name)

	id := taskID(t)
	dir := t.TempDir()
	keys := program(t, "", "key", "generate", dir)
	sealed := program(t, secret+"\n", "seal", "--key", filepath.Join(dir, "seal.key.pub"), "--task", id, "--name", "SEALED")
	if keys.code != 0 || sealed.code != 0 {
		t.Fatalf("%+v, %+v", keys, sealed)
	}
	flags := []string{"--log-level", "debug", "--sealed-key", filepath.Join(dir, "seal.key")}
	p := s.start(t, flags...)
	m := message(id, map[string]any{
		"image": image,
		"env": map[string]any{"TOKEN": secret, "QUOTED": url.QueryEscape(secret), "TINY": "ab",
			"SEALED": map[string]string{"sealed": strings.TrimSpace(sealed.stdout)}},
		"secrets": []string{"TOKEN", "TINY"},
		"command": []string{"sh", "-c", say + `
			[ "$SEALED" = "$TOKEN" ] || exit 3
			tell; tell >&2; echo half
			sleep 3
			bits "it is $TOKEN"; tell; tell >&2; echo all
			sleep 3`},
		"metadata": map[string]any{"owner": secret},
	})
	m.ReplyTo = q.Name
	s.submit(t, m)
	logHas := func(text string) {
		t.Helper()
		brokertest.Wait(t, patience, text+" was said", func() bool {
			_, _, log := l.log(id, 1)
			return strings.Contains(log, text+"\n")
		})
	}
	logHas("half")
	p.kill() // in the middle: what follows is read by another, who compares it with what this one has kept
	left := files(t, s.stateDir)
	p2 := s.start(t, flags...)
	logHas("all")
	left += files(t, s.stateDir)
	outcome := l.outcome(t, id, 1)
	l.checkLog(t, outcome)
	if outcome.Type != "task.completed" {
		t.Errorf("the task: %s", outcome.Body)
	}
	_, _, log := l.log(id, 1)
	if n := strings.Count(log, mask.Mark); n < 40 || strings.Contains(log, "differs") {
		t.Errorf("%d secrets were masked; the log:\n%s", n, log)
	}
	if !strings.Contains(log, "the value of TINY is not masked") || !strings.Contains(left, mask.Mark) {
		t.Errorf("nothing is masked in the files, or nothing is said of TINY in:\n%s", log)
	}
	// A refusal quotes what it refuses.
	bad := taskID(t)
	s.submit(t, message(bad, map[string]any{"image": "no " + secret, "env": map[string]any{"TOKEN": secret}, "secrets": []string{"TOKEN"}}))
	if e := l.outcome(t, bad, 1); e.Reason != "malformed-payload" || !strings.Contains(string(e.Body), mask.Mark) {
		t.Errorf("the bad task: %s", e.Body)
	}
	masker := mask.New([]string{secret})
	for where, text := range map[string]string{"the messages": recorded.all(), "the files": left, "the operator's log": p.log.String() + p2.log.String(), "the log": log} {
		for _, form := range secretForms(secret) {
			if strings.Contains(text, form) {
				t.Errorf("%q is in %s", form, where)
			}
		}
		if masked := masker.Text(text); masked != text {
			at := 0
			for text[at] == masked[at] {
				at++
			}
			t.Errorf("a form of the secret is in %s: %q", where, text[max(at-40, 0):min(at+80, len(text))])
		}
	}
}
