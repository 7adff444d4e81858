package amqp

import (
	"context"
	"sync"

	"github.com/rabbitmq/amqp091-go"
)

// window is how many messages are under way on a channel without a confirm. 64 is where throughput stops growing.
const window = 64

// lane puts messages on the wire in the order in which they came, and keeps each until the broker has confirmed it.
// It outlives channels and connections: what was not confirmed is sent again, in order, on the next one.
type lane struct {
	// refuse decides about a message that made the broker close the channel: a non-nil error is given to the caller,
	// nil means to try again for ever. The broker's reply is given.
	refuse func(*envelope, *amqp091.Error) error
	// nacked is the same for a message that the broker did not confirm.
	nacked func(*envelope) error
	// returned hears of a mandatory message that nobody got; a non-nil error is given to the caller.
	returned func(*envelope) error

	mu      sync.Mutex
	waiting []*envelope   // not sent on the present channel
	flying  []*envelope   // sent and not confirmed
	alone   int           // so many messages are sent one at a time, to find the one that is refused
	wake    chan struct{} // capacity 1: something is waiting
	closed  error         // no more messages are taken
}

// envelope is one message with its address.
type envelope struct {
	exchange, key string
	mandatory     bool
	msg           amqp091.Publishing
	batch         *batch
	source        *Publishing // what the caller gave, for the hook; may be nil
}

// batch is what one caller waits for.
type batch struct {
	left  int
	err   error // of the first message that failed for good
	given bool  // the caller has gone
	done  chan struct{}
}

func newLane() *lane {
	return &lane{
		wake:     make(chan struct{}, 1),
		refuse:   func(_ *envelope, reply *amqp091.Error) error { return reply },
		nacked:   func(*envelope) error { return ErrNacked },
		returned: func(*envelope) error { return ErrUnroutable },
	}
}

// send queues the messages and waits until each is confirmed or has failed for good. When ctx ends first, those that
// are still waiting are taken back; those on the wire may or may not arrive.
func (l *lane) send(ctx context.Context, envs []*envelope) error {
	return l.wait(ctx, l.enqueue(envs))
}

func (l *lane) wait(ctx context.Context, b *batch) error {
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		if l.takeBack(b) {
			return context.Cause(ctx)
		}
		return b.err
	}
}

func (l *lane) enqueue(envs []*envelope) *batch {
	b := &batch{left: len(envs), done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(envs) == 0 || l.closed != nil {
		if b.left > 0 {
			b.left, b.err = 0, l.closed
		}
		close(b.done)
		return b
	}
	for _, e := range envs {
		e.batch = b
	}
	l.waiting = append(l.waiting, envs...)
	l.signal()
	return b
}

// takeBack reports false when the batch was done after all.
func (l *lane) takeBack(b *batch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.left == 0 {
		return false
	}
	b.given = true
	l.waiting = without(l.waiting)
	return true
}

// without leaves out what nobody waits for any more.
func without(envs []*envelope) []*envelope {
	var kept []*envelope
	for _, e := range envs {
		if !e.batch.given {
			kept = append(kept, e)
		}
	}
	return kept
}

func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// close fails everything that waits, and whatever comes later.
func (l *lane) close(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = err
	for _, e := range append(l.flying, l.waiting...) {
		l.finish(e, err)
	}
	l.flying, l.waiting = nil, nil
}

// finish settles one message; l.mu is held.
func (l *lane) finish(e *envelope, err error) {
	b := e.batch
	if b.left == 0 {
		return
	}
	if err != nil && b.err == nil {
		b.err = err
	}
	if b.left--; b.left == 0 {
		close(b.done)
	}
}

// hasWork waits until there is something to send.
func (l *lane) hasWork(ctx context.Context) error {
	for {
		l.mu.Lock()
		n := len(l.waiting)
		l.mu.Unlock()
		if n > 0 {
			return nil
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// next takes the next message to be sent, nil if there is none; l.flying grows by it.
func (l *lane) next() *envelope {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 || len(l.flying) >= l.limit() {
		return nil
	}
	e := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	l.flying = append(l.flying, e)
	return e
}

// oldest is the message that has been under way for longest; there is one.
func (l *lane) oldest() *envelope {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flying[0]
}

func (l *lane) limit() int {
	if l.alone > 0 {
		return 1
	}
	return window
}

// confirmed takes the oldest message off the wire.
func (l *lane) confirmed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.flying[0]
	l.flying[0] = nil
	l.flying = l.flying[1:]
	if l.alone > 0 {
		l.alone--
	}
	l.finish(e, err)
	l.signal() // there is room
}

// rewind puts everything that was not confirmed back in front of what waits, for the next channel. reply is why the
// channel ended, nil if the broker did not say.
func (l *lane) rewind(reply *amqp091.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reply != nil && len(l.flying) == 1 {
		// It was alone: it is the one.
		e := l.flying[0]
		if err := l.refuse(e, reply); err != nil {
			l.flying = nil
			l.finish(e, err)
			l.alone = max(0, l.alone-1)
		}
	} else if reply != nil {
		l.alone = len(l.flying)
	}
	l.waiting = append(without(l.flying), l.waiting...)
	l.flying = nil
	l.signal()
}
