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
// reader that is worth small reads (8 bytes): a bufio.Reader.
type FrameReader struct {
	r      io.Reader
	header [frameHeader]byte
	stream Stream
	left   int // bytes of the current frame that were not handed out
	err    error
}

// NewFrameReader reads frames from r.
func NewFrameReader(r io.Reader) *FrameReader { return &FrameReader{r: r} }

// Read reads bytes of at most one frame into p and says which stream they belong to. It allocates nothing. It may
// return fewer bytes than the frame has. Empty frames are passed over.
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
	n, err = f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	if err == io.EOF && f.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == io.EOF {
		err = nil // the next header says so
	}
	f.err = err
	return n, f.stream, err
}

// next reads a header.
func (f *FrameReader) next() error {
	if _, err := io.ReadFull(f.r, f.header[:]); err != nil {
		return err // io.EOF before the first byte, io.ErrUnexpectedEOF after it
	}
	size := binary.BigEndian.Uint32(f.header[4:])
	if f.header[0] > byte(SystemErr) || f.header[1]|f.header[2]|f.header[3] != 0 || size > MaxFrame {
		return &FrameError{Header: f.header}
	}
	f.stream, f.left = Stream(f.header[0]), int(size)
	return nil
}
