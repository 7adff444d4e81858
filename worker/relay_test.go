package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newTestRelay is a relay of a journal, which ends when the journal is closed. ended gets its error.
func newTestRelay(t *testing.T, j *journal, p *fakePublisher, adjust ...func(*relay)) (ended chan error) {
	rl := &relay{journal: j, publish: p.Publish, logger: slog.New(slog.DiscardHandler), taskID: "t1", attempt: 2, workerID: "w1", queue: "tasks"}
	for _, f := range adjust {
		f(rl)
	}
	ended = make(chan error, 1)
	ctx := t.Context()
	go func() { ended <- rl.run(ctx) }()
	return ended
}

// logText is what a message adds to the log; an event is told as its type.
func logText(m Message) chunk {
	switch m.Headers["stream"] {
	case "stdout":
		return chunk{recordStdout, string(m.Body)}
	case "stderr":
		return chunk{recordStderr, string(m.Body)}
	case "worker":
		return chunk{recordWorker, string(m.Body)}
	}
	return chunk{recordEvent, string(m.Type) + "\n"}
}

// Whatever is written, whenever, and however slow the broker: everything arrives once, in order, in messages of a
// bounded size, with ids, sequences and offsets without a gap, and a copy of each for whoever asked for one.
func TestRelayTellsEverythingInOrder(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			p := &fakePublisher{}
			slow := time.Duration(rng.IntN(3)) * 40 * time.Millisecond
			p.before = func(ctx context.Context, _ []Message) error { return sleep(ctx, slow) }
			j := newTestJournal(t, 100<<20)
			replyTo := []string{"", "answers"}[seed%2]
			ended := newTestRelay(t, j, p, func(rl *relay) { rl.replyTo, rl.correlationID = replyTo, "asked-1" })

			var want []chunk
			for i, c := range randomChunks(rng, rng.IntN(60)) {
				switch rng.IntN(4) {
				case 0:
					j.emit(TaskPreparing, time.Now(), nil)
					want = append(want, chunk{recordEvent, "task.preparing\n"})
				case 1:
					j.logf("line %d", i)
					want = append(want, chunk{recordWorker, fmt.Sprintf("line %d\n", i)})
				default:
					j.write(c)
					want = append(want, c)
				}
				if rng.IntN(2) == 0 {
					pass(time.Duration(rng.IntN(200)) * time.Millisecond)
				}
			}
			j.emit(TaskCompleted, time.Now(), nil)
			want = append(want, chunk{recordEvent, "task.completed\n"})
			j.close()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}

			messages := p.all("")
			var got []chunk
			offset := int64(0)
			for i, m := range messages {
				c := logText(m)
				got = append(got, c)
				if want := fmt.Sprintf("t1/2/%d", i+1); m.MessageID != want || m.CorrelationID != "t1" || m.AppID != "w1" {
					t.Errorf("message %d: id %s, correlation id %s, app id %s", i, m.MessageID, m.CorrelationID, m.AppID)
				}
				if c.Kind == recordEvent {
					checkEnvelope(t, m, i+1)
					continue
				}
				header := map[string]any{"stream": streamNames[c.Kind], "offset": offset, "taskId": "t1", "attempt": int64(2), "sequence": int64(i + 1)}
				if diff := cmp.Diff(header, m.Headers); diff != "" || m.RoutingKey != "task.log.t1" || m.Mandatory {
					t.Errorf("message %d to %s: headers (-want +got):\n%s", i, m.RoutingKey, diff)
				}
				if len(m.Body) > logChunk {
					t.Errorf("message %d has %d bytes", i, len(m.Body))
				}
				offset += int64(len(m.Body))
			}
			if diff := cmp.Diff(merged(want), merged(got)); diff != "" {
				t.Fatalf("seed %d: what was told (-want +got):\n%.1000s", seed, diff)
			}
			checkCopies(t, messages, p.copies("answers"), replyTo)
		})
	}
}

func checkEnvelope(t *testing.T, m Message, sequence int) {
	t.Helper()
	var e taskEnvelope
	if err := json.Unmarshal(m.Body, &e); err != nil {
		t.Fatalf("event %s: %v", m.Body, err)
	}
	want := taskEnvelope{Version: 1, Event: m.Type, TaskID: "t1", Attempt: 2, Sequence: int64(sequence), Time: e.Time, WorkerID: "w1", Queue: "tasks"}
	if diff := cmp.Diff(want, e); diff != "" || m.RoutingKey != string(m.Type)+".t1" || m.ContentType != "application/json" {
		t.Errorf("event to %s, %s (-want +got):\n%s", m.RoutingKey, m.ContentType, diff)
	}
}

// checkCopies holds the copies for a sender against the messages themselves.
func checkCopies(t *testing.T, messages, copies []Message, replyTo string) {
	t.Helper()
	if replyTo == "" {
		if last := messages[len(messages)-1]; len(copies) != 0 || !last.Mandatory {
			t.Errorf("%d copies that nobody asked for; outcome mandatory: %v", len(copies), last.Mandatory)
		}
		return
	}
	if len(copies) != len(messages) {
		t.Fatalf("%d messages, %d copies", len(messages), len(copies))
	}
	for i, m := range messages {
		if m.Mandatory {
			t.Errorf("message %d is mandatory, though somebody gets a copy", i)
		}
		m.RoutingKey, m.ReplyTo, m.CorrelationID = "", replyTo, "asked-1"
		m.Mandatory = isOutcome(m.Type) // that the sender is gone is worth knowing, once
		if diff := cmp.Diff(m, copies[i], cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("copy %d (-want +got):\n%s", i, diff)
		}
	}
}

// A sender without a correlation id finds its task by the task's.
func TestRelayCopyWithoutCorrelationID(t *testing.T) {
	rl := &relay{taskID: "t1", replyTo: "answers"}
	copies := rl.withCopy(rl.message(TaskClaimed, time.Now()))
	if len(copies) != 2 || copies[1].ReplyTo != "answers" || copies[1].CorrelationID != "t1" {
		t.Errorf("copies: %+v", copies)
	}
}

// Where the task carries a trace, every event does.
func TestRelayPassesTheTraceOn(t *testing.T) {
	rl := &relay{taskID: "t1", traceparent: "00-trace"}
	if m := rl.message(TaskClaimed, time.Now()); m.Headers["traceparent"] != "00-trace" {
		t.Errorf("headers: %v", m.Headers)
	}
}

// Whoever writes the log never waits for the broker.
func TestRelayDoesNotHoldUpTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePublisher{}
		p.away()
		j := newTestJournal(t, 100<<20)
		ended := newTestRelay(t, j, p)
		begun := time.Now()
		for range 1000 {
			j.write(chunk{recordStdout, letters[:1000]})
			j.emit(TaskPreparing, time.Now(), nil)
			synctest.Wait() // the relay stands still in the middle of a publish
		}
		sum := j.seal()
		if took := time.Since(begun); took != 0 || sum.Bytes != 1_000_000 {
			t.Errorf("%d bytes took %v", sum.Bytes, took)
		}
		p.back()
		j.close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := len(p.all("task.preparing.")); n != 1000 {
			t.Errorf("%d events arrived", n)
		}
	})
}

// What was written while the broker was away comes in few messages, none of them too large.
func TestRelayFillsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePublisher{}
		p.away()
		j := newTestJournal(t, 100<<20)
		ended := newTestRelay(t, j, p)
		j.emit(TaskStarted, time.Now(), nil)
		synctest.Wait()
		for range 32 {
			j.write(chunk{recordStdout, letters[:copyBuffer]})
		}
		p.back()
		j.close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		messages := p.all("task.log.")
		for _, m := range messages {
			if len(m.Body) != logChunk {
				t.Errorf("a message of %d bytes", len(m.Body))
			}
		}
		if want := 32 * copyBuffer / logChunk; len(messages) != want {
			t.Errorf("%d messages, want %d", len(messages), want)
		}
	})
}

// The first bytes after a silence are told at once, what follows is collected for a while; events do not wait.
func TestRelayLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePublisher{}
		j := newTestJournal(t, 1<<20)
		ended := newTestRelay(t, j, p)
		told := func(step string, want ...chunk) {
			t.Helper()
			synctest.Wait()
			var got []chunk
			for _, m := range p.all("") {
				got = append(got, logText(m))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step, diff)
			}
		}
		first, event := chunk{recordStdout, "a"}, chunk{recordEvent, "task.preparing\n"}
		j.write(first)
		told("the first bytes", first)
		for range 9 {
			pass(10 * time.Millisecond)
			j.write(chunk{recordStdout, "b"})
			told("more of them, at once", first)
		}
		pass(10 * time.Millisecond)
		collected := chunk{recordStdout, "bbbbbbbbb"}
		told("what was collected", first, collected)
		j.write(chunk{recordStdout, "c"})
		j.emit(TaskPreparing, time.Now(), nil)
		told("an event takes along what is before it", first, collected, chunk{recordStdout, "c"}, event)
		j.write(chunk{recordStdout, "d"})
		j.close()
		told("the end does not wait", first, collected, chunk{recordStdout, "c"}, event, chunk{recordStdout, "d"})
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A journal that cannot be read ends the relay with an error, not with a gap.
func TestRelayOfABrokenJournal(t *testing.T) {
	for name, spoil := range map[string]func(*journal){
		"a file that is gone":  func(j *journal) { j.file.Close() },
		"a file that was cut":  func(j *journal) { _ = j.file.Truncate(3) },
		"a file of zeros":      func(j *journal) { _, _ = j.file.WriteAt(make([]byte, 12), 0) },
		"a record without end": func(j *journal) { _, _ = j.file.WriteAt([]byte{1, 0, 0, 0, 255}, 0) },
		"an event that is none": func(j *journal) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.append(recordEvent, append(make([]byte, recordHeader), "no JSON"...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &fakePublisher{}
				j := newTestJournal(t, 1<<20)
				j.write(chunk{recordStdout, "text"})
				spoil(j)
				j.close()
				if err := <-newTestRelay(t, j, p); err == nil {
					t.Error("no error")
				}
			})
		})
	}
}

// The end of its context ends a relay, with the cause, wherever it is.
func TestRelayEndsWithItsCause(t *testing.T) {
	reason := errors.New("reason of the test")
	for _, busy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := &fakePublisher{}
			p.away()
			j := newTestJournal(t, 1<<20)
			if busy {
				j.write(chunk{recordStdout, "text"})
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			rl := &relay{journal: j, publish: p.Publish, taskID: "t1"}
			ended := make(chan error, 1)
			go func() { ended <- rl.run(ctx) }()
			synctest.Wait()
			cancel(reason)
			if err := <-ended; !errors.Is(err, reason) {
				t.Errorf("busy %v: %v", busy, err)
			}
		})
	}
}

func TestMergeJSON(t *testing.T) {
	envelope := struct{ A int }{1}
	for details, want := range map[string]string{"": `{"A":1}`, "{}": `{"A":1}`, "null": `{"A":1}`, `{"b":2}`: `{"A":1,"b":2}`} {
		if got := string(mergeJSON(envelope, json.RawMessage(details))); got != want {
			t.Errorf("merge %q: %s, want %s", details, got, want)
		}
	}
}
