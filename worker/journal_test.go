package worker

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newTestJournal(t testing.TB, limit int64) *journal {
	t.Helper()
	j, err := openJournal(filepath.Join(t.TempDir(), "journal"), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.release() })
	return j
}

// write appends output as copyOutput does.
func (j *journal) write(c chunk) {
	j.writeLog(c.Kind, append(make([]byte, recordHeader), c.Text...))
}

// records reads a journal to its end, in pieces of any size.
func records(t testing.TB, j *journal, rng *rand.Rand) []chunk {
	t.Helper()
	var all []byte
	for {
		p := make([]byte, 1+rng.IntN(100_000))
		n, err := j.ReadAt(p, int64(len(all)))
		all = append(all, p[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if size := j.state().size; size != int64(len(all)) {
		t.Errorf("the journal has %d bytes and says %d", len(all), size)
	}
	return chunksOf(all)
}

// logOf leaves the log alone, and checks it against its summary.
func logOf(t testing.TB, all []chunk, sum LogSummary) []chunk {
	t.Helper()
	var out []chunk
	hash := sha256.New()
	var n int64
	for _, c := range all {
		if c.Kind != recordEvent {
			out = append(out, c)
			n += int64(len(c.Text))
			_, _ = io.WriteString(hash, c.Text)
		}
	}
	if got := hex.EncodeToString(hash.Sum(nil)); n != sum.Bytes || got != sum.SHA256 {
		t.Errorf("the log has %d bytes, sum %s; its summary says %d and %s", n, got, sum.Bytes, sum.SHA256)
	}
	return out
}

func count(chunks []chunk, kinds ...recordKind) (n int64) {
	for _, c := range chunks {
		for _, kind := range kinds {
			if c.Kind == kind {
				n += int64(len(c.Text))
			}
		}
	}
	return n
}

// However output is cut, and however much: the beginning and the end are kept, the cut is told and counted, and nothing
// else is lost.
func TestJournalKeepsBeginningAndEnd(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		limit := int64(tailSize + rng.IntN(300_000))
		j := newTestJournal(t, limit)
		written := randomChunks(rng, rng.IntN(60))
		for _, c := range written {
			j.write(c)
		}
		sum := j.seal()
		got := logOf(t, records(t, j, rng), sum)

		total := count(written, recordStdout, recordStderr)
		dropped := max(0, total-limit)
		want := written
		if dropped > 0 {
			want = firstOf(written, int(limit-tailSize))
			want = append(want, chunk{recordWorker, fmt.Sprintf("[docker-worker] %d bytes of the log are missing here: the log is limited to %d bytes\n", dropped, limit)})
			want = append(want, lastOf(written, tailSize)...)
		}
		if diff := cmp.Diff(merged(want), merged(got)); diff != "" {
			t.Fatalf("seed %d: the log (-want +got):\n%.1000s", seed, diff)
		}
		wantSum := LogSummary{Bytes: sum.Bytes, SHA256: sum.SHA256, DroppedBytes: dropped,
			StdoutBytes: count(written, recordStdout), StderrBytes: count(written, recordStderr)}
		if diff := cmp.Diff(wantSum, sum); diff != "" {
			t.Errorf("seed %d: the summary (-want +got):\n%s", seed, diff)
		}
	}
}

// firstOf are the first n bytes of a log.
func firstOf(chunks []chunk, n int) []chunk {
	var out []chunk
	for _, c := range chunks {
		text := c.Text[:min(len(c.Text), n)]
		out = append(out, chunk{c.Kind, text})
		n -= len(text)
	}
	return out
}

// The same bytes in other pieces are the same log.
func TestJournalDoesNotCareHowOutputIsCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	text := strings.Repeat("a line of the log, and one more\n", 10_000)
	var sums []LogSummary
	for _, most := range []int{1 << 20, copyBuffer, 1000, 7} {
		j := newTestJournal(t, 200_000)
		for rest := text; rest != ""; {
			n := min(len(rest), 1+rng.IntN(most))
			j.write(chunk{recordStdout, rest[:n]})
			rest = rest[n:]
		}
		sums = append(sums, j.seal())
	}
	for _, sum := range sums[1:] {
		if diff := cmp.Diff(sums[0], sum); diff != "" {
			t.Error(diff)
		}
	}
}

// A disk that refuses costs log, which is counted, and never an event or a line of the worker's.
func TestJournalOnADiskThatRefuses(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 4))
		j := newTestJournal(t, 10<<20)
		written := randomChunks(rng, 40)
		breaks := rng.IntN(len(written) + 1)
		var others []chunk
		for i, c := range written {
			if i == breaks {
				j.file.Close()
			}
			j.write(c)
			if rng.IntN(4) == 0 {
				j.emit(TaskPreparing, time.Unix(int64(i), 0).UTC(), nil)
				text, _ := json.Marshal(journaledEvent{Type: TaskPreparing, Time: time.Unix(int64(i), 0).UTC()})
				others = append(others, chunk{recordEvent, string(text)})
			}
			if rng.IntN(4) == 0 {
				j.logf("line %d", i)
				others = append(others, chunk{recordWorker, fmt.Sprintf("line %d\n", i)})
			}
		}
		if breaks == len(written) { // it is the seal that meets the closed file
			j.file.Close()
		}
		sum := j.seal()
		j.emit(TaskCompleted, time.Unix(99, 0).UTC(), nil)

		memory := chunksOf(j.memory)
		var got, gotOthers []chunk
		for _, c := range memory {
			switch {
			case c.Kind == recordStdout || c.Kind == recordStderr:
				got = append(got, c)
			case strings.HasPrefix(c.Text, "line ") || c.Kind == recordEvent:
				gotOthers = append(gotOthers, c)
			}
		}
		after := written[breaks:]
		if diff := cmp.Diff(merged(lastOf(after, tailSize)), merged(got)); diff != "" {
			t.Fatalf("seed %d: the end of the log (-want +got):\n%.1000s", seed, diff)
		}
		if want := max(0, count(after, recordStdout, recordStderr)-tailSize); sum.DroppedBytes != want {
			t.Errorf("seed %d: %d bytes dropped, want %d", seed, sum.DroppedBytes, want)
		}
		text, _ := json.Marshal(journaledEvent{Type: TaskCompleted, Time: time.Unix(99, 0).UTC()})
		others = append(others, chunk{recordEvent, string(text)})
		if diff := cmp.Diff(others[len(others)-len(gotOthers):], gotOthers); diff != "" {
			t.Fatalf("seed %d: events and lines (-want +got):\n%.1000s", seed, diff)
		}
		if want := count(written, recordStdout, recordStderr) + count(others, recordWorker) - sum.DroppedBytes; sum.DroppedBytes == 0 && sum.Bytes != want {
			t.Errorf("seed %d: %d bytes in the log, want %d", seed, sum.Bytes, want)
		}
	}
}

func chunksOf(raw []byte) []chunk {
	var out []chunk
	for len(raw) > 0 {
		size := binary.BigEndian.Uint32(raw[4:])
		out = append(out, chunk{recordKind(raw[0]), string(raw[recordHeader : recordHeader+size])})
		raw = raw[recordHeader+size:]
	}
	return out
}

// The tail that was held back is not lost when the disk refuses it at the very end.
func TestJournalSealsOnAFullDisk(t *testing.T) {
	j := newTestJournal(t, 2*tailSize)
	written := []chunk{{recordStdout, strings.Repeat("a", tailSize)}, {recordStderr, strings.Repeat("b", 40_000)}, {recordStdout, "the end"}}
	for _, c := range written {
		j.write(c)
	}
	j.file.Close()
	sum := j.seal()
	if sum.DroppedBytes != 0 || sum.Bytes != int64(tailSize+40_000+7) {
		t.Errorf("the summary: %+v", sum)
	}
	if diff := cmp.Diff(written[1:], merged(chunksOf(j.memory))); diff != "" {
		t.Errorf("the end (-want +got):\n%.500s", diff)
	}
}

// A journal that could not be opened is one all the same.
func TestJournalWithoutAFile(t *testing.T) {
	j, err := openJournal(filepath.Join(t.TempDir(), "no", "such", "directory"), 1<<20)
	if !os.IsNotExist(err) {
		t.Fatalf("open: %v", err)
	}
	j.write(chunk{recordStdout, "lost and found\n"})
	j.emit(TaskException, time.Now(), nil)
	sum := j.seal()
	if got := logOf(t, records(t, j, rand.New(rand.NewPCG(1, 1))), sum); len(got) != 1 || got[0].Text != "lost and found\n" {
		t.Errorf("the log: %v", got)
	}
	if err := j.release(); err != nil {
		t.Error(err)
	}
}

func TestJournalReleaseRemovesTheFile(t *testing.T) {
	j := newTestJournal(t, 1<<20)
	name := j.file.Name()
	for range 2 {
		if err := j.release(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("the file after the release: %v", err)
	}
}

// What is marshalled wrongly is a bug of ours, and loud.
func TestJournalRefusesDetailsThatAreNotJSON(t *testing.T) {
	j := newTestJournal(t, 1<<20)
	if err := guard(func() error { j.emit(TaskStarted, time.Now(), make(chan int)); return nil }); err == nil {
		t.Error("no panic")
	}
	j.logf("the journal still works")
}

// A task may want less of its log than the worker would keep; more than the worker's limit it does not get.
func TestJournalRestrict(t *testing.T) {
	j := newTestJournal(t, tailSize*2)
	j.restrict(1 << 40)
	j.restrict(10)
	j.writeLog(recordStdout, append(make([]byte, recordHeader), "abcdefghijklmnopqrstuvwxyz"...))
	j.writeLog(recordStderr, append(make([]byte, recordHeader), "0123456789"...))
	sum := j.seal()
	want := []chunk{
		{recordStdout, "abcde"},
		{recordWorker, "[docker-worker] 26 bytes of the log are missing here: the log is limited to 10 bytes\n"},
		{recordStderr, "56789"},
	}
	if diff := cmp.Diff(want, merged(logOf(t, records(t, j, rand.New(rand.NewPCG(1, 1))), sum))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sum.DroppedBytes != 26 || sum.StdoutBytes != 26 || sum.StderrBytes != 10 {
		t.Errorf("%+v", sum)
	}
}
