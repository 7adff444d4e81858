package amqp

import (
	"maps"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// This file is how a claimsGeneration sees the table of the leases: what is due, and what has come of it.

// renewal is a copy to be published, and the held one that it replaces.
type renewal struct {
	lease    *lease
	sequence int64
	copy     amqp091.Publishing
	tag      uint64
}

// settling is a claim to be ended.
type settling struct {
	lease *lease
	want  *settlement
	kind  settleKind
	copy  *amqp091.Publishing // to be published on the task queue first; nil: nothing
	tag   uint64
}

type copyVerdict int

const (
	copyOurs    copyVerdict = iota // the claim is ours, and this is its newest copy
	copyStale                      // a newer one exists, or the claim was given up
	copyForeign                    // a claim that is not ours (any more)
)

// attach makes the connection the one that claims are held on.
func (s *claimStore) attach(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = c
}

// committingSince notes that an answer is waited for; zero: no more.
func (s *claimStore) committingSince(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committing = t
}

// arrive takes note of a delivered copy. It returns the tag of an older one that it replaces, or 0.
func (s *claimStore) arrive(d amqp091.Delivery) (replaced uint64, v copyVerdict) {
	id, _ := d.Headers[claimHeader].(string)
	sequence, _ := d.Headers[sequenceHeader].(int64)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped[id] {
		delete(s.dropped, id)
		return 0, copyStale
	}
	l := s.leases[id]
	switch {
	case l == nil && s.reclaiming() && id != "":
		l = s.reclaim(id, d)
	case l == nil:
		return 0, copyForeign
	case sequence < l.sequence:
		return 0, copyStale
	}
	replaced, l.tag = l.tag, d.DeliveryTag
	l.sequence, l.attached = sequence, true
	if !l.isTaken {
		l.isTaken = true
		close(l.taken)
	}
	return replaced, copyOurs
}

func (s *claimStore) reclaiming() bool {
	select {
	case <-s.reconciled:
		return false
	default:
		return true
	}
}

// reclaim makes a lease of a copy that was ours in another life.
func (s *claimStore) reclaim(id string, d amqp091.Delivery) *lease {
	m := newMessage(d)
	m.Headers = map[string]any(withoutOwn(copyHeaders(d.Headers, nil)))
	m.Redelivered = true
	m.RoutingKey = s.cfg.Queue
	c := &leaseClaim{store: s, message: &m, ended: make(chan struct{})}
	l := &lease{id: id, msg: copyOf(m, nil), claim: c, taken: make(chan struct{}), fresh: true}
	c.lease = l
	s.leases[id] = l
	return l
}

// withoutOwn leaves out what is true for one copy alone.
func withoutOwn(h amqp091.Table) amqp091.Table {
	delete(h, claimHeader)
	delete(h, sequenceHeader)
	return h
}

// settleAbsent decides about the claims of which no copy came before the barrier.
func (s *claimStore) settleAbsent(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.dropped) // what was to come of them has come
	for id, l := range s.leases {
		switch {
		case l.attached || l.publish:
		case !l.isTaken: // the first copy: it may have been lost on the way
			l.publish = true
		case passed(now, s.deadline(l)):
			s.lose(l, "it is not there any more")
		case l.want != nil && l.want.tried: // it can't have expired, so this is what became of it
			delete(s.leases, id)
			l.finish(nil)
		default: // it can't have expired: somebody deleted or purged the queue
			s.log.Warn("a claim has vanished from its queue and is put back", "id", l.msg.MessageId)
			s.healed++
			l.publish = true
		}
	}
}

func (s *claimStore) takeOrphans() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags := s.orphans
	s.orphans = nil
	return tags
}

func (s *claimStore) copyFor(l *lease) renewal {
	msg := l.msg
	msg.Headers = maps.Clone(l.msg.Headers)
	msg.Headers[claimHeader], msg.Headers[sequenceHeader] = l.id, l.sequence+1
	return renewal{lease: l, sequence: l.sequence + 1, copy: msg, tag: l.tag}
}

func (s *claimStore) attachedLeases() []renewal {
	return s.pick(func(l *lease) bool { return l.tag != 0 })
}

// dueForRenewal leaves out what is to be settled in the same round.
func (s *claimStore) dueForRenewal(now time.Time) []renewal {
	return s.pick(func(l *lease) bool { return l.tag != 0 && l.want == nil && passed(now, l.renewed.Add(s.renewEvery)) })
}

func (s *claimStore) toPublish() []renewal {
	return s.pick(func(l *lease) bool { return l.publish && l.tag == 0 })
}

func (s *claimStore) pick(which func(*lease) bool) []renewal {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []renewal
	for _, l := range s.leases {
		if which(l) {
			out = append(out, s.copyFor(l))
		}
	}
	return out
}

// renewedAt: the copies are committed. They come back to us in a moment.
func (s *claimStore) renewedAt(done []renewal, begin time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range done {
		l := r.lease
		l.sequence, l.renewed, l.publish, l.fresh = r.sequence, begin, false, false
		if l.tag == r.tag {
			l.tag = 0
		}
	}
}

// doneReclaiming opens the way for new messages.
func (s *claimStore) doneReclaiming() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reclaiming() {
		return
	}
	for _, l := range s.leases {
		s.reclaimed = append(s.reclaimed, l)
	}
	close(s.reconciled)
}

func (s *claimStore) toSettle() []settling {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []settling
	for _, l := range s.leases {
		if l.want == nil || l.tag == 0 {
			continue
		}
		w := settling{lease: l, want: l.want, kind: l.want.kind, tag: l.tag}
		if w.kind == settleCopy && !l.want.copied {
			msg := l.msg
			msg.Headers = copyHeaders(l.msg.Headers, l.want.headers)
			msg.Headers[claimHeader] = l.id // so that it is known if no queue takes it
			w.copy = &msg
		}
		out = append(out, w)
	}
	return out
}

// copied: the copies are on the task queue, except those that no queue took.
func (s *claimStore) copied(all []settling, unroutable map[string]bool) (rest []settling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range all {
		if w.copy != nil && unroutable[w.lease.id] {
			w.lease.finish(ErrUnroutable)
			continue
		}
		w.want.copied = true
		rest = append(rest, w)
	}
	return rest
}

func (s *claimStore) trying(all []settling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range all {
		w.want.tried = true
	}
}

func (s *claimStore) settled(all []settling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range all {
		if w.lease.lost {
			continue // the fence was faster; its owner has been told
		}
		delete(s.leases, w.lease.id)
		w.lease.finish(nil)
	}
}
