package worker

import (
	"bufio"
	"io"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const (
	// quietBuffer is read from the engine at once, in bytes, while a container says little: most say nothing, most of
	// the time.
	quietBuffer = 1 << 10
	// copyBuffer is read at once from one that says much: as much as the engine's frames hold.
	copyBuffer = 32 << 10
	// copyAhead is room behind it for the header of the next frame, which comes with the same read.
	copyAhead = 8
)

// loudBuffer has room for a record's header in front.
type loudBuffer [recordHeader + copyBuffer + copyAhead]byte

var loudBuffers pool[loudBuffer]

// outputReader reads the output of a container, and holds a large buffer only while there is much to read. It is for
// one goroutine.
type outputReader struct {
	read  func(p []byte) (int, dockerapi.Stream, error)
	quiet [recordHeader + quietBuffer]byte
	loud  *loudBuffer // nil while there is little
}

// newOutputReader reads frames, or the bytes of a terminal. It must be closed.
func newOutputReader(output io.Reader, tty bool) *outputReader {
	if tty {
		return &outputReader{read: func(p []byte) (int, dockerapi.Stream, error) {
			n, err := output.Read(p)
			return n, dockerapi.Stdout, err
		}}
	}
	return &outputReader{read: dockerapi.NewFrameReader(bufio.NewReaderSize(output, 4<<10)).Read}
}

// next is the next piece, behind room for a record's header. It is good until the next call, whatever the error.
func (r *outputReader) next() (framed []byte, stream dockerapi.Stream, err error) {
	buffer := r.quiet[:]
	if r.loud != nil {
		buffer = r.loud[:]
	}
	n, stream, err := r.read(buffer[recordHeader:])
	framed = buffer[:recordHeader+n]
	switch {
	case r.loud == nil && n == quietBuffer:
		r.loud = loudBuffers.Get()
	case r.loud != nil && n < quietBuffer:
		framed = append(r.quiet[:0], framed...)
		r.close()
	}
	return framed, stream, err
}

// close gives the large buffer back.
func (r *outputReader) close() {
	loudBuffers.Put(r.loud)
	r.loud = nil
}
