//go:build integration

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// listener hears everything on an exchange, as a receiver should: what it has seen before, by message_id, it drops.
type listener struct {
	broker, queue string

	mu      sync.Mutex
	events  []event // all but task.log
	seen    map[string]bool
	repeats []string // message ids that came twice
	logs    map[string]*relayedLog
	faults  []string // breaches of the protocol
	more    chan struct{}
}

// event is one message that is not a piece of a log.
type event struct {
	amqp091.Delivery
	fields
}

// fields are what the tests look at in a body.
type fields struct {
	Version  int
	Event    string
	TaskID   string
	Attempt  int
	Sequence int64
	Time     time.Time
	WorkerID string
	Queue    string

	ContainerID string
	Reason      string
	Message     string
	Problems    []struct{ Pointer, Message string }
	ExitCode    *int
	Retrying    bool
	Times       struct{ Claimed, Started, Finished time.Time }
	Metadata    map[string]any
	Log         struct {
		Bytes, DroppedBytes, StdoutBytes, StderrBytes int64
		SHA256                                        string
	}

	Capacity int
	Running  []string
	Resolved map[string]int64
}

// relayedLog is what came of the log of one attempt.
type relayedLog struct {
	bytes   int64
	hash    hash.Hash
	text    strings.Builder // the first MiB
	streams map[string]*strings.Builder
}

// listen binds a queue to the exchange, which it makes as the worker would. keys default to everything.
func (s *site) listen(t *testing.T, keys ...string) *listener {
	t.Helper()
	l := &listener{
		broker: s.broker, queue: brokertest.Name(t) + ".listener",
		seen: map[string]bool{}, logs: map[string]*relayedLog{}, more: make(chan struct{}),
	}
	ch := brokertest.Channel(t, s.broker)
	brokertest.DeleteQueue(t, s.broker, l.queue)
	if err := ch.ExchangeDeclare(s.exchange, s.kind, true, false, false, false, nil); err != nil {
		t.Fatalf("declare the exchange: %v", err)
	}
	if _, err := ch.QueueDeclare(l.queue, true, false, false, false, nil); err != nil {
		t.Fatalf("declare a queue for events: %v", err)
	}
	if len(keys) == 0 {
		keys = []string{"#"}
	}
	for _, key := range keys {
		if err := ch.QueueBind(l.queue, key, s.exchange, false, nil); err != nil {
			t.Fatalf("bind %s: %v", key, err)
		}
	}
	l.consume(t)
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, fault := range l.faults {
			t.Error("protocol: " + fault)
		}
	})
	return l
}

// consume begins to listen, for the first time or after a restart of the broker.
func (l *listener) consume(t *testing.T) {
	t.Helper()
	done := make(chan struct{})
	t.Cleanup(func() { <-done }) // after the connection is closed
	ch := brokertest.Channel(t, l.broker)
	if err := ch.Qos(256, 0, false); err != nil {
		t.Fatalf("set prefetch: %v", err)
	}
	deliveries, err := ch.Consume(l.queue, "", false, false, false, false, nil)
	if err != nil {
		t.Fatalf("listen to events: %v", err)
	}
	go func() {
		defer close(done)
		for d := range deliveries {
			l.note(d)
			_ = d.Ack(false) // where the broker has gone the message comes again, and is dropped then
		}
	}()
}

func (l *listener) note(d amqp091.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[d.MessageId] {
		l.repeats = append(l.repeats, d.MessageId)
		return
	}
	l.seen[d.MessageId] = true
	if fault := checkProperties(d); fault != "" {
		l.faults = append(l.faults, fmt.Sprintf("%s %s: %s", d.Type, d.MessageId, fault))
	}
	if d.Type == "task.log" {
		l.noteLog(d)
	} else {
		e := event{Delivery: d}
		if err := json.Unmarshal(d.Body, &e.fields); err != nil {
			l.faults = append(l.faults, fmt.Sprintf("%s %s: %v", d.Type, d.MessageId, err))
		}
		l.events = append(l.events, e)
	}
	close(l.more)
	l.more = make(chan struct{})
}

func (l *listener) noteLog(d amqp091.Delivery) {
	task, _ := d.Headers["taskId"].(string)
	attempt, _ := d.Headers["attempt"].(int64)
	key := fmt.Sprintf("%s/%d", task, attempt)
	log := l.logs[key]
	if log == nil {
		log = &relayedLog{hash: sha256.New(), streams: map[string]*strings.Builder{}}
		l.logs[key] = log
	}
	if offset, _ := d.Headers["offset"].(int64); offset != log.bytes {
		l.faults = append(l.faults, fmt.Sprintf("%s: offset %d after %d bytes", d.MessageId, offset, log.bytes))
	}
	log.bytes += int64(len(d.Body))
	log.hash.Write(d.Body)
	if log.bytes <= 1<<20 {
		log.text.Write(d.Body)
		stream, _ := d.Headers["stream"].(string)
		if log.streams[stream] == nil {
			log.streams[stream] = &strings.Builder{}
		}
		log.streams[stream].Write(d.Body)
	}
}

// await returns the first event that matches, past or to come.
func (l *listener) await(t *testing.T, what string, matches func(event) bool) event {
	t.Helper()
	limit := time.NewTimer(2 * patience)
	defer limit.Stop()
	for {
		l.mu.Lock()
		i, more := slices.IndexFunc(l.events, matches), l.more
		if i >= 0 {
			defer l.mu.Unlock()
			return l.events[i]
		}
		l.mu.Unlock()
		select {
		case <-more:
		case <-limit.C:
			t.Fatalf("waited in vain for %s; what came:\n%s", what, l)
		}
	}
}

// awaitType waits for an event of one task.
func (l *listener) awaitType(t *testing.T, kind, task string) event {
	t.Helper()
	return l.await(t, kind+" of "+task, func(e event) bool { return e.Type == kind && e.TaskID == task })
}

// outcome waits for the outcome of an attempt.
func (l *listener) outcome(t *testing.T, task string, attempt int) event {
	t.Helper()
	return l.await(t, fmt.Sprintf("the outcome of %s, attempt %d", task, attempt), func(e event) bool {
		return isOutcome(e) && e.TaskID == task && e.Attempt == attempt
	})
}

func isOutcome(e event) bool {
	return e.Type == "task.completed" || e.Type == "task.failed" || e.Type == "task.exception"
}

// all are the events that match, so far.
func (l *listener) all(matches func(event) bool) []event {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []event
	for _, e := range l.events {
		if matches(e) {
			found = append(found, e)
		}
	}
	return found
}

// log is what came of an attempt's log; it is complete once the outcome has come.
func (l *listener) log(task string, attempt int) (bytes int64, sum, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.logs[fmt.Sprintf("%s/%d", task, attempt)]
	if log == nil {
		return 0, hex.EncodeToString(sha256.New().Sum(nil)), ""
	}
	return log.bytes, hex.EncodeToString(log.hash.Sum(nil)), log.text.String()
}

// stream is what came of one stream of an attempt's log.
func (l *listener) stream(task string, attempt int, name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if log := l.logs[fmt.Sprintf("%s/%d", task, attempt)]; log != nil && log.streams[name] != nil {
		return log.streams[name].String()
	}
	return ""
}

// checkLog compares what came with what the outcome says.
func (l *listener) checkLog(t *testing.T, outcome event) {
	t.Helper()
	bytes, sum, _ := l.log(outcome.TaskID, outcome.Attempt)
	if bytes != outcome.Log.Bytes || sum != outcome.Log.SHA256 {
		t.Errorf("%s: %d bytes of log came with sha256 %s; the outcome says %d and %s", outcome.TaskID, bytes, sum, outcome.Log.Bytes, outcome.Log.SHA256)
	}
}

func (l *listener) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, e := range l.events {
		fmt.Fprintf(&b, "%s %s %s\n", e.Type, e.MessageId, e.Body)
	}
	return b.String()
}
