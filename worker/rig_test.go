package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// removeAll is how a container is removed.
var removeAll = dockerapi.RemoveOptions{Force: true, Volumes: true}

// rig is a worker with a queue, an engine and a broker in memory. It belongs into a synctest bubble.
type rig struct {
	t        *testing.T
	cfg      Config
	engine   *fakeEngine
	queue    *fakeQueue
	events   *fakePublisher
	operator *logBook

	worker   *Worker
	drain    context.CancelFunc
	shutdown context.CancelCauseFunc
	ended    chan error
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, engine: newFakeEngine(), queue: newFakeQueue(t), events: &fakePublisher{}, operator: &logBook{}, ended: make(chan error, 1)}
	r.cfg = Config{ID: "w1", Type: "test", Queue: "tasks", Engine: r.engine, Source: r.queue, Events: r.events, StateDir: t.TempDir(),
		Logger: slog.New(slog.NewTextHandler(r.operator, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the operator's log:\n%s", r.operator)
		}
	})
	return r
}

// start starts the worker. Stop it with end.
func (r *rig) start() {
	r.t.Helper()
	w, err := New(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.worker = w
	work, shutdown := context.WithCancelCause(r.t.Context())
	intake, drain := context.WithCancel(work)
	r.drain, r.shutdown = drain, shutdown
	go func() { r.ended <- w.Run(intake, work) }()
	synctest.Wait()
}

// stop is a second signal: the worker must go, whatever runs.
func (r *rig) stop() {
	r.drain()
	r.shutdown(ErrShutdown)
}

// end ends the intake, waits for the worker, and looks for what it left behind.
func (r *rig) end() {
	r.t.Helper()
	synctest.Wait() // what was delivered is under way
	r.drain()
	if err := <-r.ended; err != nil {
		r.t.Errorf("the worker ended with: %v", err)
	}
	r.shutdown(nil)
	synctest.Wait()
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	for name := range r.engine.containers {
		r.t.Errorf("container %s is left", name)
	}
	if left := r.engine.networks().all(); len(left) > 0 {
		r.t.Errorf("networks are left: %+v", left)
	}
	if r.engine.open != 0 {
		r.t.Errorf("%d attachments and waits are left open", r.engine.open)
	}
	if files, err := os.ReadDir(filepath.Join(r.cfg.StateDir, r.cfg.ID, "tasks")); err != nil || len(files) != 0 {
		r.t.Errorf("journals are left: %v, %v", files, err)
	}
	if r.operator.has("a bug in docker-worker") && !strings.Contains(strings.ToLower(r.t.Name()), "panic") {
		r.t.Error("the operator is told of a bug")
	}
}

// deliver hands a message to the worker, as task t1 where it does not say otherwise, and returns when nothing more
// happens by itself.
func (r *rig) deliver(body string, adjust ...func(*Delivery)) *fakeClaim {
	c := r.queue.claim()
	d := &Delivery{Claim: c, Body: []byte(body), MessageID: "t1", Queue: "tasks"}
	for _, f := range adjust {
		f(d)
	}
	r.queue.deliveries <- d
	synctest.Wait()
	return c
}

// await lets time pass, and what happens then happen.
func (r *rig) await(d time.Duration) {
	pass(d)
	synctest.Wait()
}

// pass lets the time of a bubble pass.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// saw checks that the operator was told something.
func (r *rig) saw(text string) {
	r.t.Helper()
	if !r.operator.has(text) {
		r.t.Errorf("the operator is not told %q", text)
	}
}

// story is what the world gets to know of an attempt at a task.
type story struct {
	Events    string // their types, without "task."; neighbours of one type are told once
	Reason    Reason
	ExitCode  string // "" for none
	OOMKilled bool
	Retrying  bool
	Settled   string // "" for not at all
}

// told is the story of a task, and what is in its log; id "" is whatever task there was. It checks what holds for every task: ids, sequences, offsets,
// and that the outcome knows the log.
func (r *rig) told(id string, claim *fakeClaim) (story, string) {
	r.t.Helper()
	s := story{Settled: claim.how()}
	var types []string
	var log bytes.Buffer
	ids := map[string]bool{}
	sequences := map[string]int{}
	for _, m := range r.events.all("task.") {
		if id == "" {
			id, _, _ = strings.Cut(m.MessageID, "/")
		}
		if !strings.HasPrefix(m.MessageID, id+"/") {
			continue
		}
		if ids[m.MessageID] {
			r.t.Errorf("message id %s comes twice", m.MessageID)
		}
		ids[m.MessageID] = true
		attempt := strings.Split(m.MessageID, "/")[1]
		sequences[attempt]++
		if want := fmt.Sprintf("%s/%s/%d", id, attempt, sequences[attempt]); m.MessageID != want {
			r.t.Errorf("message %s, want %s", m.MessageID, want)
		}
		if kind := strings.TrimPrefix(string(m.Type), "task."); len(types) == 0 || types[len(types)-1] != kind {
			types = append(types, kind)
		}
		if m.Type == TaskLog {
			if m.Headers["offset"] != int64(log.Len()) || len(m.Body) == 0 || len(m.Body) > logChunk {
				r.t.Errorf("%d bytes of the log at offset %v, want at %d", len(m.Body), m.Headers["offset"], log.Len())
			}
			log.Write(m.Body)
		}
		if out := outcomeOf(r.t, m); out != nil {
			s.Reason, s.OOMKilled, s.Retrying = out.Reason, out.OOMKilled, out.Retrying
			if out.ExitCode != nil {
				s.ExitCode = fmt.Sprint(*out.ExitCode)
			}
			sum := sha256.Sum256(log.Bytes())
			if diff := cmp.Diff(LogSummary{Bytes: int64(log.Len()), SHA256: hex.EncodeToString(sum[:]), DroppedBytes: out.Log.DroppedBytes,
				StdoutBytes: out.Log.StdoutBytes, StderrBytes: out.Log.StderrBytes}, out.Log); diff != "" {
				r.t.Errorf("the log that was relayed and its summary (-relayed +told):\n%s", diff)
			}
		}
	}
	s.Events = strings.Join(types, " ")
	return s, log.String()
}

// outcomeOf reads the outcome out of a message; nil where it is another event.
func outcomeOf(t testing.TB, m Message) *Outcome {
	t.Helper()
	if !slices.Contains([]EventType{TaskCompleted, TaskFailed, TaskException}, m.Type) {
		return nil
	}
	out := &Outcome{}
	if err := json.Unmarshal(m.Body, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// outcome is the last outcome that was told of any task.
func (r *rig) outcome() *Outcome {
	r.t.Helper()
	messages := r.events.all("task.")
	for _, m := range slices.Backward(messages) {
		if out := outcomeOf(r.t, m); out != nil {
			return out
		}
	}
	r.t.Fatal("no outcome was told")
	return nil
}

// logBook is the operator's log.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBook) has(text string) bool { return strings.Contains(b.String(), text) }

func (b *logBook) count(text string) int { return strings.Count(b.String(), text) }
