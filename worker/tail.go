package worker

import "iter"

// tailSize is how much of the end of a log is kept when the middle has to go, in bytes.
const tailSize = 64 << 10

// tail holds the last bytes of what it is given, with the stream that each came from.
type tail struct {
	size    int64
	dropped int64 // bytes that fell out at the front
	held    int64
	pieces  []piece
}

type piece struct {
	kind recordKind
	text []byte
}

func (t *tail) write(kind recordKind, text []byte) {
	if over := int64(len(text)) - t.size; over > 0 {
		t.dropped += over
		text = text[over:]
	}
	if len(text) == 0 {
		return
	}
	t.held += int64(len(text))
	if last := len(t.pieces) - 1; last >= 0 && t.pieces[last].kind == kind {
		t.pieces[last].text = append(t.pieces[last].text, text...)
	} else {
		t.pieces = append(t.pieces, piece{kind, append([]byte(nil), text...)})
	}
	for t.held > t.size {
		first := &t.pieces[0]
		cut := min(t.held-t.size, int64(len(first.text)))
		first.text = first.text[cut:]
		t.held -= cut
		t.dropped += cut
		if len(first.text) == 0 {
			t.pieces = t.pieces[1:]
		}
	}
}

// chunks are the pieces in their order, none larger than 32 KiB.
func (t *tail) chunks() iter.Seq2[recordKind, []byte] {
	return func(yield func(recordKind, []byte) bool) {
		for _, p := range t.pieces {
			for text := p.text; len(text) > 0; {
				n := min(len(text), 32<<10)
				if !yield(p.kind, text[:n]) {
					return
				}
				text = text[n:]
			}
		}
	}
}
