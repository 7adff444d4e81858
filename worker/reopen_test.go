package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// However a process ends, at whatever byte: the next one finds all whole records, and goes on behind them.
func TestReopenAfterACrash(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 6))
		path := filepath.Join(t.TempDir(), "journal")
		j, err := openJournal(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		j.emit(TaskClaimed, time.Unix(1, 0).UTC(), nil)
		for _, c := range randomChunks(rng, rng.IntN(20)) {
			j.write(c)
			j.emit(TaskPreparing, time.Unix(2, 0).UTC(), nil)
		}
		before := records(t, j, rng)
		cut := rng.Int64N(j.fileSize + 1)
		if err := j.file.Truncate(cut); err != nil {
			t.Fatal(err)
		}
		var whole []chunk
		size := int64(0)
		for _, c := range before {
			if size += int64(recordHeader + len(c.Text)); size > cut {
				break
			}
			whole = append(whole, c)
		}
		_ = j.file.Close()

		again, past, err := reopenJournal(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = again.release() })
		if past.has(TaskClaimed) != (len(whole) > 0) || past.decided() || past.outcomeTold() {
			t.Errorf("seed %d: it remembers %v", seed, past.told)
		}
		more := chunk{recordStderr, "more\n"}
		again.write(more)
		whole = append(whole, more)
		sum := again.seal()
		if diff := cmp.Diff(whole, records(t, again, rng)); diff != "" {
			t.Fatalf("seed %d: records (-want +got):\n%.1000s", seed, diff)
		}
		logOf(t, whole, sum)
		if out, err := count(whole, recordStdout), count(whole, recordStderr); sum.StdoutBytes != out || sum.StderrBytes != err || sum.DroppedBytes != 0 {
			t.Errorf("seed %d: the summary %+v, want %d and %d bytes", seed, sum, out, err)
		}
	}
}

func TestReopenRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, past, err := reopenJournal(path, 1<<20)
	if err != nil || past.has(TaskClaimed) {
		t.Fatalf("a journal that was never there: %v, %v", past, err)
	}
	j.emit(TaskPreparing, time.Unix(1, 0).UTC(), nil)
	j.emit(TaskPreparing, time.Unix(2, 0).UTC(), nil) // progress; the first tells when it began
	j.decide(verdictRecord{Outcome: Outcome{Reason: Failed}})
	j.emit(TaskFailed, time.Unix(3, 0).UTC(), nil)
	_ = j.file.Close()
	j, past, err = reopenJournal(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer j.release()
	if at := past.at(TaskPreparing); at == nil || !at.Equal(time.Unix(1, 0)) {
		t.Errorf("preparing at %v", at)
	}
	if !past.decided() || past.verdict.Outcome.Reason != Failed || !past.outcomeTold() || past.has(TaskStarted) {
		t.Errorf("it remembers %+v", past)
	}
}

// What cannot be read is an error, and a journal all the same.
func TestReopenRubbish(t *testing.T) {
	for _, kind := range []recordKind{recordEvent, recordVerdict} {
		path := filepath.Join(t.TempDir(), "journal")
		j, err := openJournal(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		j.append(kind, append(make([]byte, recordHeader), "no JSON"...))
		_ = j.file.Close()
		if j, _, err := reopenJournal(path, 1<<20); err == nil || j == nil {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
	if j, _, err := reopenJournal(t.TempDir(), 1<<20); err == nil || j == nil {
		t.Errorf("a directory: %v", err)
	}
}

// A relay whose process dies in the middle of a publish is followed by another: together they tell everything, in
// order, and what comes twice has the same id and the same text.
func TestRelayGoesOnAfterACrash(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			path := filepath.Join(t.TempDir(), "journal")
			j, err := openJournal(path, 10<<20)
			if err != nil {
				t.Fatal(err)
			}
			var want []chunk
			write := func(j *journal) {
				for _, c := range randomChunks(rng, rng.IntN(30)) {
					j.write(c)
					want = append(want, c)
					if rng.IntN(3) == 0 {
						j.emit(TaskPreparing, time.Now(), nil)
						want = append(want, chunk{recordEvent, "task.preparing\n"})
						pass(time.Duration(rng.IntN(200)) * time.Millisecond)
					}
				}
			}
			p := &fakePublisher{}
			crash := errors.New("the process dies")
			left := 1 + rng.IntN(20)
			dying := func(ctx context.Context, messages ...Message) error {
				for _, m := range messages {
					if left--; left < 0 {
						return crash
					}
					_ = p.Publish(ctx, m)
				}
				return nil
			}
			file, at, err := openCheckpoint(path, true)
			if err != nil || at != (checkpoint{}) {
				t.Fatalf("a fresh checkpoint: %v, %v", at, err)
			}
			first := newTestRelay(t, j, p, func(rl *relay) { rl.publish, rl.durable = dying, file })
			write(j)
			j.close()
			if err := <-first; err != nil && err != crash {
				t.Fatal(err)
			}
			_ = j.file.Close()
			_ = file.file.Close()

			j, _, err = reopenJournal(path, 10<<20)
			if err != nil {
				t.Fatal(err)
			}
			defer j.release()
			file, at, err = openCheckpoint(path, false)
			if err != nil {
				t.Fatal(err)
			}
			second := newTestRelay(t, j, p, func(rl *relay) { rl.durable, rl.at = file, at })
			write(j)
			j.close()
			if err := <-second; err != nil {
				t.Fatal(err)
			}
			if err := file.remove(); err != nil {
				t.Error(err)
			}
			checkOnce(t, want, p.all(""))
		})
	}
}

// A process that dies while its task is silent has told everything, and the next one repeats nothing.
func TestNothingIsRepeatedAfterASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		j, err := openJournal(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer j.release()
		file, _, err := openCheckpoint(path, true)
		if err != nil {
			t.Fatal(err)
		}
		p := &fakePublisher{}
		ctx, die := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		rl := &relay{journal: j, publish: p.Publish, logger: slog.New(slog.DiscardHandler), taskID: "t1", attempt: 2, durable: file}
		go func() { ended <- rl.run(ctx) }()
		j.emit(TaskStarted, time.Now(), nil)
		j.write(chunk{recordStdout, "text"})
		time.Sleep(time.Second) // of the test's own clock
		die()
		<-ended
		told := len(p.all(""))
		file, at, err := openCheckpoint(path, false)
		if err != nil {
			t.Fatal(err)
		}
		second := newTestRelay(t, j, p, func(rl *relay) { rl.durable, rl.at = file, at })
		j.write(chunk{recordStdout, "more"})
		j.close()
		if err := <-second; err != nil {
			t.Fatal(err)
		}
		if got := len(p.all("")) - told; told == 0 || got != 1 {
			t.Errorf("%d messages before the silence, %d after it, want the one that is new", told, got)
		}
		if err := file.remove(); err != nil {
			t.Error(err)
		}
	})
}

// checkOnce drops what comes twice, as a receiver does, and compares the rest.
func checkOnce(t *testing.T, want []chunk, messages []Message) {
	t.Helper()
	seen := map[string]string{}
	var got []chunk
	for _, m := range messages {
		if text, twice := seen[m.MessageID]; twice {
			if text != string(m.Body) {
				t.Errorf("message %s comes twice, with %d bytes and with %d", m.MessageID, len(text), len(m.Body))
			}
			continue
		}
		if id := fmt.Sprintf("t1/2/%d", len(seen)+1); m.MessageID != id {
			t.Errorf("message %s, want %s", m.MessageID, id)
		}
		seen[m.MessageID] = string(m.Body)
		got = append(got, logText(m))
	}
	if diff := cmp.Diff(merged(want), merged(got)); diff != "" {
		t.Errorf("what was told (-want +got):\n%.1000s", diff)
	}
}

// A checkpoint that cannot be kept costs a warning, no event.
func TestRelayWithoutItsCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		file, _, err := openCheckpoint(path, true)
		if err != nil {
			t.Fatal(err)
		}
		_ = file.file.Close()
		book := &logBook{}
		p := &fakePublisher{}
		j := newTestJournal(t, 1<<20)
		ended := newTestRelay(t, j, p, func(rl *relay) { rl.durable, rl.logger = file, slog.New(slog.NewTextHandler(book, nil)) })
		j.write(chunk{recordStdout, "text"})
		j.close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(p.all("")) != 1 || !book.has("cannot keep the relay's checkpoint") {
			t.Errorf("%d messages; the operator is told %q", len(p.all("")), book)
		}
		if err := os.Remove(path + checkpointSuffix); err != nil {
			t.Error(err)
		}
		if err := file.remove(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("remove what is gone: %v", err)
		}
	})
}

func TestCheckpointCannotBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.Mkdir(path+checkpointSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openCheckpoint(path, false); err == nil {
		t.Error("no error")
	}
}
