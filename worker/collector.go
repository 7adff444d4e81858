package worker

import (
	"bufio"
	"io"
	"slices"
)

// collector is what collecting a batch takes. Between batches, which is most of the time, no task has one.
type collector struct {
	journal journalReader
	in      *bufio.Reader // of journal
	chunk   []byte        // a message under construction
}

var collectors pool[collector]

// begin reads the journal from an offset on.
func (c *collector) begin(j *journal, offset int64) {
	c.journal = journalReader{journal: j, offset: offset}
	c.chunk = c.chunk[:0]
	if c.in == nil {
		c.in = bufio.NewReaderSize(&c.journal, 16<<10)
	} else {
		c.in.Reset(&c.journal)
	}
}

// add reads the next size bytes of the journal into the chunk.
func (c *collector) add(size int) error {
	start := len(c.chunk)
	c.chunk = slices.Grow(c.chunk, max(size, logChunk-start))[:start+size]
	_, err := io.ReadFull(c.in, c.chunk[start:])
	return err
}

// end gives the collector back.
func (c *collector) end() {
	c.journal.journal = nil
	if cap(c.chunk) > 4*logChunk {
		c.chunk = nil // one long event is no reason to keep so much
	}
	collectors.Put(c)
}

// journalReader reads a growing journal from its beginning; io.EOF is the end so far, not for ever.
type journalReader struct {
	journal *journal
	offset  int64
}

func (r *journalReader) Read(p []byte) (int, error) {
	n, err := r.journal.ReadAt(p, r.offset)
	r.offset += int64(n)
	return n, err
}
