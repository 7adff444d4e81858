package worker

import (
	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/mask"
	"github.com/docker-worker/docker-worker/worker/task"
)

// transcript is the way of a container's output into the journal: secrets are masked, and what an earlier transcript has
// written is passed over. Masking comes first, and depends on nothing but the bytes: what is read again is masked as it
// was before, so that the two can be compared.
type transcript struct {
	journal *journal
	masker  *mask.Masker                 // nil where there are no secrets
	masked  map[recordKind]*maskedStream // by stream; made when they are needed
	known   map[recordKind]*overlap      // what the journal has of each stream; nil where the output is not read again
}

// maskedStream is a stream on its way through a masker.
type maskedStream struct {
	*mask.Stream
	framed []byte // what came out last, with room for a record's header in front
}

func newTranscript(j *journal, m *mask.Masker) *transcript {
	return &transcript{journal: j, masker: m, masked: map[recordKind]*maskedStream{}}
}

// again is a transcript of the same output from its beginning.
func (t *transcript) again() *transcript {
	t.journal.rewind()
	fresh := newTranscript(t.journal, t.masker)
	fresh.known = map[recordKind]*overlap{
		recordStdout: newOverlap(t.journal, recordStdout),
		recordStderr: newOverlap(t.journal, recordStderr),
	}
	return fresh
}

// add takes a piece of a stream; framed has room for a record's header in front, and is not kept.
func (t *transcript) add(stream dockerapi.Stream, framed []byte) {
	kind := recordStdout
	switch stream {
	case dockerapi.Stderr:
		kind = recordStderr
	case dockerapi.SystemErr:
		t.journal.logf("[docker-worker] the engine says: %s", task.Bounded(string(framed[recordHeader:])))
		return
	}
	if t.masker != nil {
		s := t.masked[kind]
		if s == nil {
			s = &maskedStream{Stream: t.masker.Stream(), framed: make([]byte, recordHeader, recordHeader+copyBuffer)}
			t.masked[kind] = s
		}
		s.framed = s.Mask(s.framed[:recordHeader], framed[recordHeader:])
		framed = s.framed
	}
	t.write(kind, framed)
}

// end writes what the masker has held back. No output follows.
func (t *transcript) end() {
	for _, kind := range []recordKind{recordStdout, recordStderr} {
		if s := t.masked[kind]; s != nil {
			t.write(kind, s.End(s.framed[:recordHeader]))
		}
	}
}

// write appends to the journal what it does not have. Each record gets its header in the place of what precedes it,
// which is written or passed over by then.
func (t *transcript) write(kind recordKind, framed []byte) {
	if k := t.known[kind]; k != nil {
		framed = framed[len(framed)-recordHeader-len(k.fresh(framed[recordHeader:])):]
	}
	for len(framed) > recordHeader {
		n := min(len(framed), recordHeader+copyBuffer)
		t.journal.writeLog(kind, framed[:n])
		framed = framed[n-recordHeader:]
	}
}

// agreed says so when the engine's log was not what the journal had.
func (t *transcript) agreed() {
	for kind, k := range t.known {
		if k.differs {
			t.journal.logf("[docker-worker] what the engine kept of %s differs from what was read before; a few bytes may be missing or come twice", streamNames[kind])
		}
	}
}
