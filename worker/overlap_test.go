package worker

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// freshOf passes a stream through an overlap, cut anywhere.
func freshOf(rng *rand.Rand, o *overlap, stream string) string {
	var fresh strings.Builder
	for stream != "" {
		n := min(len(stream), 1+rng.IntN(20_000))
		fresh.Write(o.fresh([]byte(stream[:n])))
		stream = stream[n:]
	}
	return fresh.String()
}

// Of a log that is read again, from its beginning, only what the journal does not have is left, byte for byte, however
// both are cut; other streams and events between do not matter.
func TestOverlapLeavesWhatIsNew(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 8))
		j := newTestJournal(t, 10<<20)
		var known strings.Builder
		for _, c := range randomChunks(rng, rng.IntN(30)) {
			j.write(c)
			j.logf("a line of the worker")
			if c.Kind == recordStdout {
				known.WriteString(c.Text)
			}
		}
		fresh := letters[:rng.IntN(len(letters))]
		o := newOverlap(j, recordStdout)
		j.write(chunk{recordStdout, "what is appended later does not count"})
		if got := freshOf(rng, o, known.String()+fresh); got != fresh || o.differs {
			t.Errorf("seed %d: %d bytes are new, want %d; differs: %v", seed, len(got), len(fresh), o.differs)
		}
	}
}

// The engine's own log is not always what the command wrote.
func TestOverlapOfALogThatDiffers(t *testing.T) {
	long := strings.Repeat("x", 16<<10)
	for name, test := range map[string]struct {
		known, again, fresh string
		differs             bool
	}{
		"a newline lost behind a long line": {long + "\nnext\n", long + "next\nnew\n", "new\n", false},
		"a newline lost at the very end":    {long + "\n", long + "new\n", "new\n", false},
		"another byte":                      {"abc", "axcd", "d", true},
		"a byte more":                       {"abcd", "abXcdE", "dE", true}, // one comes twice: it is counted, and told
		"the engine has less":               {"abc", "ab", "", false},
	} {
		j := newTestJournal(t, 1<<20)
		j.write(chunk{recordStdout, test.known})
		o := newOverlap(j, recordStdout)
		if got := freshOf(rand.New(rand.NewPCG(1, 1)), o, test.again); got != test.fresh || o.differs != test.differs {
			t.Errorf("%s: %q is new, differs: %v; want %q, %v", name, got, o.differs, test.fresh, test.differs)
		}
	}
}

// A journal that cannot be read knows nothing: then all is new, rather than nothing.
func TestOverlapOfABrokenJournal(t *testing.T) {
	j := newTestJournal(t, 1<<20)
	j.write(chunk{recordStdout, "known"})
	o := newOverlap(j, recordStdout)
	_ = j.file.Close()
	if got := string(o.fresh([]byte("known"))); got != "known" {
		t.Errorf("%q is new", got)
	}
}
