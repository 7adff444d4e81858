package amqp

import (
	"context"
	"sync"
)

// slots is where those who wait for a message and those who have one meet.
type slots struct {
	out      chan *Delivery // unbuffered
	draining chan struct{}  // closed by drain
	closed   chan struct{}  // closed when Run ends

	mu        sync.Mutex
	free      int           // waiting receivers
	changed   chan struct{} // closed and renewed with each change of free
	stopped   bool
	consuming chan struct{} // closed when there is no consumer at the broker any more; nil: there is none
}

func newSlots() *slots {
	return &slots{
		out: make(chan *Delivery), draining: make(chan struct{}), closed: make(chan struct{}),
		changed: make(chan struct{}),
	}
}

func (s *slots) receive(ctx context.Context) (*Delivery, error) {
	s.add(1)
	got := false
	defer func() {
		if !got {
			s.add(-1)
		}
	}()
	select {
	case <-s.draining: // first: none of the other cases may win by chance
		return nil, ErrDraining
	default:
	}
	select {
	case d := <-s.out:
		got = true
		return d, nil
	case <-s.draining:
		return nil, ErrDraining
	case <-s.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// handed must be called by whoever has sent on out. The receiver cannot count itself: until it runs, its slot would look
// free, and the next message be taken for it.
func (s *slots) handed() { s.add(-1) }

func (s *slots) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free += n
	close(s.changed)
	s.changed = make(chan struct{})
}

// waiting is the number of receivers, and tells when it changes.
func (s *slots) waiting() (int, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free, s.changed
}

// begin says that there will be a consumer at the broker. The caller must call the function that it returns when
// there is none any more. It returns nil while draining.
func (s *slots) begin() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	done := make(chan struct{})
	s.consuming = done
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(done)
		s.consuming = nil
	}
}

// drain ends the intake and waits until no consumer is at the broker.
func (s *slots) drain(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.draining)
	}
	consuming := s.consuming
	s.mu.Unlock()
	if consuming == nil {
		return nil
	}
	select {
	case <-consuming:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *slots) close() { close(s.closed) }
