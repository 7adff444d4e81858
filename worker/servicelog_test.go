package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What services and the command write in turns arrives in order, each under its own stream, and counts in the sum.
func TestServiceLogIsRelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePublisher{}
		j := newTestJournal(t, 1<<20)
		var want []string
		add := func(stream, text string) {
			if last := len(want) - 1; last >= 0 && strings.HasPrefix(want[last], stream+": ") {
				want[last] += text
			} else {
				want = append(want, stream+": "+text)
			}
		}
		for n := range 5 { // fewer messages than there are in a batch
			for _, name := range []string{"db", "web"}[:1+n%2] {
				text := fmt.Sprintf("%s %d\n", name, n)
				j.writeService(name, []byte(text))
				add("service/"+name, text)
			}
		}
		j.write(chunk{recordStdout, "out\n"})
		add("stdout", "out\n")
		sum := j.seal()
		j.emit(TaskCompleted, time.Now(), nil)
		j.close()
		if err := <-newTestRelay(t, j, p); err != nil {
			t.Fatal(err)
		}
		var got []string
		var log strings.Builder
		for _, m := range p.all("task.log") {
			if m.Headers["offset"] != int64(log.Len()) {
				t.Errorf("offset %v after %d bytes", m.Headers["offset"], log.Len())
			}
			log.Write(m.Body)
			got = append(got, fmt.Sprintf("%s: %s", m.Headers["stream"], m.Body))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		hash := sha256.Sum256([]byte(log.String()))
		if sum.Bytes != int64(log.Len()) || sum.SHA256 != hex.EncodeToString(hash[:]) || sum.StdoutBytes != 4 {
			t.Errorf("%d bytes came; the summary says %+v", log.Len(), sum)
		}
	})
}

// A service that writes without end does not stop, and leaves to the command the end of the log. What a process counted
// the next one counts as well.
func TestServiceLogIsLimited(t *testing.T) {
	const limit = 4 * tailSize
	j := newTestJournal(t, limit)
	piece := []byte(strings.Repeat("x", 1000))
	written := 0
	for range 500 {
		j.writeService("db", piece)
		written += len(piece)
	}
	again, _, err := reopenJournal(j.file.Name(), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.release() })
	if again.keptService != j.keptService || again.summary.Bytes != j.summary.Bytes {
		t.Errorf("the next process counts %d bytes of services and %d in all, want %d and %d", again.keptService, again.summary.Bytes, j.keptService, j.summary.Bytes)
	}
	j.write(chunk{recordStderr, "the end\n"})
	sum := j.seal()
	if sum.Bytes > limit+1000 || sum.DroppedBytes != int64(written)-j.keptService {
		t.Errorf("%d bytes are kept and %d dropped, of %d with a limit of %d", sum.Bytes, sum.DroppedBytes, written, limit)
	}
}

// The last lines explain an end: no more of them than anybody reads, and whole ones where the log was short.
func TestLastLines(t *testing.T) {
	var l lastLines
	if lines := l.lines(); lines != nil {
		t.Errorf("of nothing: %q", lines)
	}
	l.add([]byte("a\r\nb"))
	l.add([]byte("c\n"))
	if diff := cmp.Diff([]string{"a", "bc"}, l.lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for n := range 1000 {
		l.add(fmt.Appendf(nil, "line %d\n", n))
	}
	if lines := l.lines(); len(lines) != lastLineCount || lines[lastLineCount-1] != "line 999" {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	l.add([]byte(strings.Repeat("y", 3*lastLineBytes)))
	if lines := l.lines(); len(lines) != 1 || len(lines[0]) != lastLineBytes {
		t.Errorf("one long line is %d lines", len(lines))
	}
}
