package transfer

import (
	"fmt"
	"io"
	"sync"
)

// exactBody is a body of the size that was announced. One of another size breaks before its last bytes are out, so that
// no server takes it for whole.
type exactBody struct {
	content io.ReadCloser
	size    int64
	left    int64 // until size; the reader's alone
	moved   func()

	mu     sync.Mutex
	whole  bool  // all was given
	err    error // of the content
	closed bool
}

func newExactBody(content io.ReadCloser, size int64, moved func()) *exactBody {
	return &exactBody{content: content, size: size, left: size, moved: moved}
}

// Read is called for more when what it gave before has been sent.
func (b *exactBody) Read(p []byte) (int, error) {
	b.moved()
	if whole, err := b.state(); err != nil {
		return 0, err
	} else if whole {
		return 0, io.EOF
	}
	var n int
	var err error
	if b.left > 0 {
		n, err = b.content.Read(p[:min(int64(len(p)), b.left)])
		b.left -= int64(n)
	}
	switch {
	case err != nil && err != io.EOF:
		return 0, b.end(err)
	case err == io.EOF && b.left > 0:
		return 0, b.end(fmt.Errorf("the content has %d bytes less than the %d that were announced", b.left, b.size))
	case b.left > 0:
		b.moved()
		return n, nil
	}
	// These are the last bytes: they go out when it is sure that they are.
	if err := atEnd(b.content, b.size); err != nil {
		return 0, b.end(err)
	}
	b.moved()
	if err := b.end(nil); n == 0 {
		return 0, err
	}
	return n, nil
}

// atEnd reads on behind the last byte.
func atEnd(content io.Reader, size int64) error {
	var more [1]byte
	switch _, err := io.ReadFull(content, more[:]); err {
	case nil:
		return fmt.Errorf("the content has more than the %d bytes that were announced", size)
	case io.EOF:
		return nil
	default:
		return err
	}
}

// end notes how the content ended. What goes wrong after Close does so because of it.
func (b *exactBody) end(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.whole = true
		return io.EOF
	}
	if !b.closed {
		b.err = err
	}
	return err
}

// state tells whether all of the content was given, or what has gone wrong with it.
func (b *exactBody) state() (whole bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole, b.err
}

// Close may come while somebody reads, and ends that.
func (b *exactBody) Close() error {
	b.mu.Lock()
	first := !b.closed
	b.closed = true
	b.mu.Unlock()
	if !first {
		return nil
	}
	return b.content.Close()
}
