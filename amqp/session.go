package amqp

import (
	"context"
	"log/slog"
	"time"
)

// State of a connection, as told to Config.OnChange.
type State string

// The states. Lost is told for each attempt that fails as well, with the wait before the next.
const (
	Connected State = "connected" // set up and in use, for the first time or again
	Lost      State = "lost"      // not in use; Err says why and Retry when we try again
	Blocked   State = "blocked"   // the broker reads nothing that we publish: its memory or disk is short
	Unblocked State = "unblocked"
)

// Change of a connection. Connection is what it is for: "consumer", "events", "returns", "claims", "control".
type Change struct {
	Connection string
	State      State
	Broker     string        // redacted; empty when no broker was reached
	Err        error         // with Lost
	Reason     string        // with Blocked, the broker's words
	Retry      time.Duration // with Lost
	Outage     time.Duration // with Connected: how long it was lost, zero the first time
}

// session keeps one connection in use, for ever. The whole set-up of its user is inside the retry: what fails in
// the middle starts again from nothing.
type session struct {
	dialer *Dialer
	role   string
	log    *slog.Logger

	lostAt time.Time // zero while connected, and before the first failure
	lastOp string    // the error told last, so that the same one is not told again
}

func newSession(d *Dialer, role string, log *slog.Logger) *session {
	if log == nil {
		log = d.log
	}
	return &session{dialer: d, role: role, log: log.With("connection", role)}
}

// run calls serve for each connection until ctx ends. serve says ready when its set-up is complete, and returns when
// ctx or the connection has ended or when it wants another connection; its error is what is told. Its context ends
// with the connection too. run returns when the last connection is closed, which the close timeout bounds.
func (s *session) run(ctx context.Context, serve func(ctx context.Context, c *connection, ready func()) error) {
	wait := backoff{min: s.dialer.cfg.RetryMin, max: s.dialer.cfg.RetryMax}
	for ctx.Err() == nil {
		broker, err := s.generation(ctx, &wait, serve)
		if ctx.Err() != nil {
			return
		}
		delay := wait.next()
		s.tellLost(broker, err, delay)
		if pause(ctx, delay) != nil {
			return
		}
	}
}

func (s *session) generation(ctx context.Context, wait *backoff, serve func(context.Context, *connection, func()) error) (string, error) {
	c, err := s.dialer.dial(ctx, s.role)
	if err != nil {
		return "", err
	}
	defer c.close()
	broker := c.url.Redacted()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(ctx, c)
		select {
		case <-c.done:
			cancel(c.err)
		default:
		}
	}()
	defer func() { cancel(nil); <-watched }()

	err = serve(ctx, c, func() {
		wait.reset()
		s.tellConnected(broker)
	})
	if c.conn.IsClosed() {
		<-c.done // which follows at once
	}
	select {
	case <-c.done: // what serve stumbled upon is only the consequence
		err = &Error{Op: "stay connected", Broker: broker, VHost: c.url.vhost, Err: c.err}
	default:
	}
	return broker, err
}

// watch tells about blocking until the connection or ctx ends.
func (s *session) watch(ctx context.Context, c *connection) {
	for {
		select {
		case b, ok := <-c.blocked:
			if !ok {
				<-c.done
				return
			}
			if !b.Active {
				c.unblocked.Store(time.Now().UnixNano())
			}
			c.refusing.Store(b.Active)
			ch := Change{Connection: s.role, State: Unblocked, Broker: c.url.Redacted()}
			if b.Active {
				ch.State, ch.Reason = Blocked, b.Reason
				s.log.Warn("the broker blocks publishers", "broker", ch.Broker, "reason", b.Reason)
			} else {
				s.log.Info("the broker takes messages again", "broker", ch.Broker)
			}
			s.tell(ch)
		case <-c.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *session) tellConnected(broker string) {
	var outage time.Duration
	if s.lostAt.IsZero() {
		s.log.Debug("connected", "broker", broker)
	} else {
		outage = time.Since(s.lostAt)
		s.log.Info("connection is back", "broker", broker, "outage", outage.Round(time.Millisecond))
	}
	s.lostAt, s.lastOp = time.Time{}, ""
	s.tell(Change{Connection: s.role, State: Connected, Broker: broker, Outage: outage})
}

func (s *session) tellLost(broker string, err error, retry time.Duration) {
	if err == nil {
		err = ErrClosed
	}
	text := err.Error()
	switch {
	case s.lostAt.IsZero():
		s.lostAt = time.Now()
		s.log.Warn("connection is lost", "error", text, "retry", retry.Round(time.Millisecond))
	case text != s.lastOp:
		s.log.Warn("connection is still lost", "error", text, "retry", retry.Round(time.Millisecond))
	default:
		s.log.Debug("connection is still lost", "error", text, "retry", retry.Round(time.Millisecond))
	}
	s.lastOp = text
	s.tell(Change{Connection: s.role, State: Lost, Broker: broker, Err: err, Retry: retry})
}

func (s *session) tell(c Change) {
	if f := s.dialer.cfg.OnChange; f != nil {
		f(c)
	}
}
