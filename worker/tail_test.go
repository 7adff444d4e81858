package worker

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chunk is a piece of a log with its stream, for comparisons.
type chunk struct {
	Kind recordKind
	Text string
}

// merged joins neighbours of the same stream: where a log is cut does not matter.
func merged(chunks []chunk) []chunk {
	var out []chunk
	for _, c := range chunks {
		switch last := len(out) - 1; {
		case c.Text == "":
		case last >= 0 && out[last].Kind == c.Kind:
			out[last].Text += c.Text
		default:
			out = append(out, c)
		}
	}
	return out
}

// lastOf are the last n bytes of a log.
func lastOf(chunks []chunk, n int) []chunk {
	var out []chunk
	for i := len(chunks) - 1; i >= 0 && n > 0; i-- {
		text := chunks[i].Text
		text = text[max(0, len(text)-n):]
		out = append([]chunk{{chunks[i].Kind, text}}, out...)
		n -= len(text)
	}
	return out
}

// letters are what random output is cut from.
var letters = strings.Repeat("abcdefghijklmnopqrstuvwxyz", copyBuffer/26+2)

// randomChunks is output as a command might write it: small and large pieces, of both streams, some of them empty.
func randomChunks(rng *rand.Rand, n int) []chunk {
	chunks := make([]chunk, n)
	for i := range chunks {
		size := []int{0, 1, rng.IntN(100), rng.IntN(10_000), copyBuffer}[rng.IntN(5)]
		from := rng.IntN(26)
		chunks[i] = chunk{recordStdout + recordKind(rng.IntN(2)), letters[from : from+size]}
	}
	return chunks
}

func TestTailKeepsTheLastBytes(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tl := tail{size: int64(rng.IntN(100_000))}
		written := randomChunks(rng, rng.IntN(40))
		total := 0
		for _, c := range written {
			tl.write(c.Kind, []byte(c.Text))
			total += len(c.Text)
		}
		var got []chunk
		for kind, text := range tl.chunks() {
			if len(text) > 32<<10 {
				t.Errorf("seed %d: a chunk of %d bytes", seed, len(text))
			}
			got = append(got, chunk{kind, string(text)})
		}
		want := merged(lastOf(written, int(tl.size)))
		if diff := cmp.Diff(want, merged(got)); diff != "" {
			t.Fatalf("seed %d: the tail (-want +got):\n%.1000s", seed, diff)
		}
		if dropped := max(0, total-int(tl.size)); tl.dropped != int64(dropped) {
			t.Errorf("seed %d: %d bytes dropped, want %d", seed, tl.dropped, dropped)
		}
	}
}

// What is written stays the writer's.
func TestTailCopies(t *testing.T) {
	tl := tail{size: 10}
	buffer := []byte("abc")
	tl.write(recordStdout, buffer)
	copy(buffer, "xyz")
	tl.write(recordStdout, buffer)
	var got bytes.Buffer
	for _, text := range tl.chunks() {
		got.Write(text)
		break // the rest is not asked for
	}
	if got.String() != "abcxyz" {
		t.Errorf("the tail holds %q", &got)
	}
}
