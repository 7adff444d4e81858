package worker

import (
	"bufio"
	"encoding/binary"
	"io"
)

// overlap takes from a log that is read again, from its beginning, what the journal has of the stream already. What is
// left is new, byte for byte.
//
// It compares, rather than counts, because the engine's own log is not always what the command wrote: the driver local
// of Docker 20.10 loses the newline behind a line whose length is a multiple of 16 KiB. Where the two differ in another
// way, it falls back to counting and says so.
type overlap struct {
	known   *bufio.Reader
	differs bool // what the engine kept is not what the journal has
}

// newOverlap reads what the journal has of one stream now; what is appended later does not count.
func newOverlap(j *journal, kind recordKind) *overlap {
	return &overlap{known: bufio.NewReaderSize(&streamReader{journal: j, kind: kind, end: j.state().size}, 32<<10)}
}

// fresh is the part of text that the journal does not have. Successive calls get successive parts of the stream.
func (o *overlap) fresh(text []byte) []byte {
	for len(text) > 0 {
		known, err := o.known.ReadByte()
		if err != nil {
			return text // the end of what is known; a journal that cannot be read knows nothing more
		}
		switch {
		case text[0] == known || o.differs:
			text = text[1:]
		case known == '\n': // the engine lost it
		default:
			o.differs = true
			text = text[1:]
		}
	}
	return text
}

// streamReader reads the bytes of one stream out of a journal's records, up to end.
type streamReader struct {
	journal *journal
	kind    recordKind
	offset  int64
	end     int64
	left    int64 // of the payload at offset
}

func (r *streamReader) Read(p []byte) (int, error) {
	for r.left == 0 {
		if r.offset >= r.end {
			return 0, io.EOF
		}
		kind, size, err := r.journal.header(r.offset)
		if err != nil {
			return 0, err
		}
		r.offset += recordHeader
		if kind == r.kind {
			r.left = size
		} else {
			r.offset += size
		}
	}
	n, err := r.journal.ReadAt(p[:min(int64(len(p)), r.left)], r.offset)
	r.offset += int64(n)
	r.left -= int64(n)
	return n, err
}

// header reads the header of the record at offset.
func (j *journal) header(offset int64) (recordKind, int64, error) {
	var header [recordHeader]byte
	for n := 0; n < recordHeader; {
		m, err := j.ReadAt(header[n:], offset+int64(n))
		if n += m; n < recordHeader && err != nil {
			return 0, 0, err
		}
	}
	word := binary.BigEndian.Uint64(header[:])
	return recordKind(word >> 56), int64(word & 0xffffffff), nil
}
