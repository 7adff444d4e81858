package amqp

import (
	"context"
	"time"
)

// fence loses the claims whose lease runs out before we could renew them, with a margin, so that what was begun for
// them ends before somebody else begins. It depends on nothing but the clock, and runs beside the connection, which
// may hang in that moment.
//
// A claim that is held on a living connection does not expire at the broker, however old it is: its time to live bites
// only messages that are ready. So claims are not fenced while the broker merely blocks publishers, renewals among
// them. A connection is taken to be alive when something was heard from it within two heartbeats; the broker gives us
// up after three.
func (s *claimStore) fence(ctx context.Context) {
	tick := time.NewTicker(max(10*time.Millisecond, min(time.Second, s.cfg.Margin/4)))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.fenceAt(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

func (s *claimStore) fenceAt(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	safe := s.conn != nil && s.conn.holding(now)
	s.giveUpIfStuck(now)
	for _, l := range s.leases {
		if !l.isTaken || l.fresh || (l.attached && safe) {
			continue
		}
		if passed(now, s.deadline(l)) {
			s.lose(l, "its lease could not be renewed")
		}
	}
}

// giveUpIfStuck ends a connection whose broker owes us an answer, or a copy that it has committed, for longer than the
// confirm timeout: what is held comes back on the next one. A quorum queue of RabbitMQ 3.10 can forget what it got while
// it had no leader.
func (s *claimStore) giveUpIfStuck(now time.Time) {
	if s.conn == nil {
		return
	}
	if s.conn.refusing.Load() {
		if !s.committing.IsZero() {
			s.committing = now // it counts from the end of that
		}
		return
	}
	late := now.Add(-s.conn.confirmTimeout)
	stuck := !s.committing.IsZero() && s.committing.Before(late)
	for _, l := range s.leases {
		stuck = stuck || (l.attached && l.tag == 0 && l.renewed.Before(late))
	}
	if stuck {
		s.log.Warn("the broker does not answer; another connection is tried", "after", s.conn.confirmTimeout)
		s.conn.kill()
	}
}

// passed compares by both clocks: the monotonic one stands still while a virtual machine is suspended, the wall clock
// may be set.
func passed(now, deadline time.Time) bool {
	return !now.Before(deadline) || !now.Round(0).Before(deadline.Round(0))
}
