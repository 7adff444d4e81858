package amqp

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// connection is one generation: one connection of the library, from its handshake to its end.
type connection struct {
	conn           *amqp091.Connection
	raw            *hearing // under TLS and the library: closing it ends every call that hangs
	url            URL
	closeTimeout   time.Duration
	confirmTimeout time.Duration
	heartbeat      time.Duration // as negotiated

	done    chan struct{} // closed when the connection has ended, whoever ended it
	err     error         // why; set before done is closed
	blocked chan amqp091.Blocking
	// refusing: the broker reads nothing that we publish for the moment
	refusing  atomic.Bool
	unblocked atomic.Int64 // when that ended last, in unix nanoseconds
	watch     sync.WaitGroup
}

func newConnection(conn *amqp091.Connection, raw *hearing, u URL, cfg Config) *connection {
	c := &connection{
		conn: conn, raw: raw, url: u, closeTimeout: cfg.CloseTimeout, confirmTimeout: cfg.ConfirmTimeout, heartbeat: conn.Config.Heartbeat,
		done: make(chan struct{}),
		// The library drops a notice that nobody takes within five seconds, and holds its reader up meanwhile.
		blocked: conn.NotifyBlocked(make(chan amqp091.Blocking, 16)),
	}
	closes := conn.NotifyClose(make(chan *amqp091.Error, 1))
	c.watch.Go(func() {
		if err, ok := <-closes; ok {
			c.err = err
		} else {
			c.err = errors.New("connection closed by us")
		}
		// A publisher that hangs in a write holds a lock which the library's shutdown waits for.
		c.kill()
		close(c.done)
	})
	return c
}

// kill ends the connection without a word. Every call that hangs in it returns.
func (c *connection) kill() { _ = c.raw.Close() }

// killAfter makes sure that a call of the library, none of which knows a context, ends with ctx. The connection is
// of no more use then. The caller must call the function that it returns when the call is over.
func (c *connection) killAfter(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, c.kill)
}

// endWrites lets a write that hangs fail before long. A write that does not hang is not disturbed.
func (c *connection) endWrites() { _ = c.raw.SetWriteDeadline(time.Now().Add(c.closeTimeout)) }

// closeChannel closes a channel whose connection goes on.
func (c *connection) closeChannel(ch *amqp091.Channel) {
	t := time.AfterFunc(c.closeTimeout, c.kill)
	defer t.Stop()
	_ = ch.Close()
}

// killLater is killAfter with the close timeout in between: time for what is under way.
func (c *connection) killLater(ctx context.Context) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	over := false
	unhook := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			timer = time.AfterFunc(c.closeTimeout, c.kill)
		}
	})
	return func() {
		unhook()
		mu.Lock()
		defer mu.Unlock()
		over = true
		if timer != nil {
			timer.Stop()
		}
	}
}

// holding tells that the broker holds what we hold although we cannot renew it: it blocks us, or did so until a moment
// ago, and it lives. While it blocks us it does not expect our heartbeats, and it gives us up after three at the earliest
// when that is over.
func (c *connection) holding(now time.Time) bool {
	since := now.Sub(time.Unix(0, c.unblocked.Load()))
	return c.alive() && (c.refusing.Load() || since < 2*c.heartbeat)
}

// alive tells that the broker was heard within two heartbeats.
func (c *connection) alive() bool {
	return time.Since(time.Unix(0, c.raw.last.Load())) < 2*c.heartbeat
}

// hearing is a socket that remembers when something was read from it.
type hearing struct {
	net.Conn
	last atomic.Int64 // unix nanoseconds
}

func (h *hearing) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if n > 0 {
		h.heardNow()
	}
	return n, err
}

func (h *hearing) heardNow() { h.last.Store(time.Now().UnixNano()) }

// close says good-bye for at most the close timeout and waits until everything has ended.
func (c *connection) close() {
	// CloseDeadline alone is not enough: each heartbeat of the broker pushes the read deadline further away.
	t := time.AfterFunc(c.closeTimeout, c.kill)
	_ = c.conn.CloseDeadline(time.Now().Add(c.closeTimeout))
	t.Stop()
	c.kill()
	c.watch.Wait()
}

// channel opens a channel. If ctx ends first the connection is lost with it.
func (c *connection) channel(ctx context.Context) (*amqp091.Channel, error) {
	defer c.killAfter(ctx)()
	ch, err := c.conn.Channel()
	if err != nil {
		return nil, c.wrap(ctx, "open channel", "", err)
	}
	return ch, nil
}

// wrap makes an *Error of what the library returned, and prefers the cause where ctx or the connection has ended.
func (c *connection) wrap(ctx context.Context, op, queue string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if errors.Is(err, amqp091.ErrClosed) {
		select {
		case <-c.done:
			err = c.err
		default:
		}
	}
	return &Error{Op: op, Broker: c.url.Redacted(), VHost: c.url.vhost, Queue: queue, Err: err}
}
