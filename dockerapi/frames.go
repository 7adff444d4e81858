package dockerapi

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Stream is where the bytes of a frame belong.
type Stream uint8

const (
	Stdin     Stream = 0
	Stdout    Stream = 1
	Stderr    Stream = 2
	SystemErr Stream = 3 // an error of the engine inside the stream, as text
)

// String is "stdout" and so on.
func (s Stream) String() string {
	switch s {
	case Stdin:
		return "stdin"
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	case SystemErr:
		return "systemerr"
	}
	return fmt.Sprintf("stream %d", uint8(s))
}

const (
	frameHeader = 8

	// MaxFrame is the largest frame that is believed. Engines send 32 KiB at most; what says more is no frame but,
	// most likely, the raw stream of a terminal.
	MaxFrame = 16 << 20
)

// FrameError is a stream that is not made of frames.
type FrameError struct {
	Header [frameHeader]byte // what was found where a frame should begin
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("read frame: % x is no frame's header; a container with a terminal has no frames", e.Header)
}

// FrameReader takes apart the stream of an attach, a log or an exec without a terminal: frames of 8 bytes of header
// (stream, three zeros, length in network order) and a payload, cut anywhere. It is for one goroutine, and wants a
// reader that is worth small reads (8 bytes): a bufio.Reader. A small one (4 KiB) serves small frames, and large ones go
// past it.
type FrameReader struct {
	r      io.Reader
	header [frameHeader]byte
	ahead  int // bytes of the next header that came with the last payload
	stream Stream
	left   int // bytes of the current frame that were not handed out
	err    error
}

// NewFrameReader reads frames from r.
func NewFrameReader(r io.Reader) *FrameReader { return &FrameReader{r: r} }

// Read reads one frame, or as much of it as p takes, and says which stream it belongs to. It allocates nothing. It waits
// for the rest of a frame that has begun to arrive, because engines write frames at once. Empty frames are passed over.
// All of p is scratch: where it has room for 8 bytes more than the frame (for those of engines, 32 KiB and 8 bytes), the
// next header is read along, which makes one system call of two.
//
// The error is io.EOF at the end of a frame; io.ErrUnexpectedEOF when the stream ends inside one, which means that it
// broke; a [*FrameError]; or the reader's own. n bytes are good whatever the error. An error is for good.
func (f *FrameReader) Read(p []byte) (n int, stream Stream, err error) {
	if len(p) == 0 {
		return 0, f.stream, nil
	}
	for f.left == 0 && f.err == nil {
		f.err = f.next()
	}
	if f.err != nil {
		return 0, f.stream, f.err
	}
	payload := min(len(p), f.left)
	if len(p) >= f.left+frameHeader {
		p = p[:f.left+frameHeader]
	} else {
		p = p[:payload]
	}
	n, err = io.ReadAtLeast(f.r, p, payload)
	f.ahead = copy(f.header[:], p[min(n, payload):n])
	n = min(n, payload)
	f.left -= n
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	f.err = err
	return n, f.stream, err
}

// next reads a header, or the rest of it.
func (f *FrameReader) next() error {
	if _, err := io.ReadFull(f.r, f.header[f.ahead:]); err != nil {
		if err == io.EOF && f.ahead > 0 {
			err = io.ErrUnexpectedEOF
		}
		return err // io.EOF before the first byte
	}
	f.ahead = 0
	size := binary.BigEndian.Uint32(f.header[4:])
	if f.header[0] > byte(SystemErr) || f.header[1]|f.header[2]|f.header[3] != 0 || size > MaxFrame {
		return &FrameError{Header: f.header}
	}
	f.stream, f.left = Stream(f.header[0]), int(size)
	return nil
}
