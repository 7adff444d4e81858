package worker

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/mask"
)

// pour adds a stream's text to a transcript, cut anywhere.
func pour(rng *rand.Rand, t *transcript, stream dockerapi.Stream, text string) {
	for text != "" {
		n := min(len(text), 1+rng.IntN(40))
		t.add(stream, append(make([]byte, recordHeader), text[:n]...))
		text = text[n:]
	}
}

// streams is what a journal has of each stream.
func streams(t testing.TB, j *journal) map[recordKind]string {
	all := map[recordKind]string{}
	for _, c := range merged(records(t, j, rand.New(rand.NewPCG(1, 1)))) {
		all[c.Kind] += c.Text
	}
	return all
}

// A command's output is masked in the journal as if it had come in one piece, also where the worker died in the middle,
// once or twice, and the output was read again from its beginning.
func TestTranscriptOfSecrets(t *testing.T) {
	secrets := []string{"hunter2-hunter2", "line one\nline two", "nter2-abc"}
	words := append([]string{"hunt", "hunter2-abc", "aHVudGVyMi1odW50ZXIy", "line\n", "nothing ", "\n", "[masked]"}, secrets...)
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var out strings.Builder
		for range rng.IntN(60) {
			out.WriteString(words[rng.IntN(len(words))])
		}
		text := out.String()
		masker := mask.New(secrets)
		s := masker.Stream()
		want := string(s.End(s.Mask(nil, []byte(text))))

		path := filepath.Join(t.TempDir(), "journal")
		j, err := openJournal(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		transcript := newTranscript(j, masker)
		for range rng.IntN(3) {
			if rng.IntN(2) == 0 {
				pour(rng, transcript, dockerapi.Stdout, text[:rng.IntN(len(text)+1)])
			} else { // it ended, and nobody was told
				pour(rng, transcript, dockerapi.Stdout, text)
				transcript.end()
			}
			if rng.IntN(2) == 0 { // the worker dies
				if err := j.file.Truncate(j.fileSize - rng.Int64N(min(j.fileSize, 50)+1)); err != nil {
					t.Fatal(err)
				}
				if j, _, err = reopenJournal(path, 1<<20); err != nil {
					t.Fatal(err)
				}
				transcript = newTranscript(j, masker)
			}
			transcript = transcript.again()
		}
		pour(rng, transcript, dockerapi.Stdout, text)
		pour(rng, transcript, dockerapi.Stderr, "hunter2-hunter2")
		transcript.end()
		transcript.agreed()
		wants := map[recordKind]string{recordStderr: mask.Mark}
		if want != "" {
			wants[recordStdout] = want
		}
		if diff := cmp.Diff(wants, streams(t, j)); diff != "" {
			t.Fatalf("seed %d, %q (-want +got):\n%s", seed, text, diff)
		}
		_ = j.release()
	}
}

// What grows by being masked is still written in records of a size that the relay can send.
func TestTranscriptWritesBoundedRecords(t *testing.T) {
	j := newTestJournal(t, 1<<20)
	transcript := newTranscript(j, mask.New([]string{"abcd"}))
	text := strings.Repeat("abcd ", copyBuffer/5)
	transcript.add(dockerapi.Stdout, append(make([]byte, recordHeader), text...))
	transcript.end()
	for _, c := range records(t, j, rand.New(rand.NewPCG(1, 1))) {
		if len(c.Text) > copyBuffer {
			t.Errorf("a record of %d bytes", len(c.Text))
		}
	}
	if diff := cmp.Diff(map[recordKind]string{recordStdout: strings.ReplaceAll(text, "abcd", mask.Mark)}, streams(t, j)); diff != "" {
		t.Error(diff)
	}
}
