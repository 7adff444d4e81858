package amqp

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// renewAtMost is the longest time that a copy is held: below any sensible consumer timeout of a broker, however long the
// lease is.
const renewAtMost = 5 * time.Minute

// claimStore is the table of the leases that we have. It outlives connections; what belongs to a connection is in
// claimsGeneration, the only one that talks to the broker. Callers leave their wishes here and wait.
type claimStore struct {
	cfg        LeaseConfig
	session    *session
	log        *slog.Logger
	renewEvery time.Duration // a quarter of the lease
	wake       chan struct{} // capacity 1: there is something to do
	reconciled chan struct{} // closed when what was ours before is known and renewed
	closed     chan struct{}

	mu         sync.Mutex
	conn       *connection // that claims are held on; nil: there is none
	committing time.Time   // since when the answer to a commit is waited for; zero: it is not
	leases     map[string]*lease
	dropped    map[string]bool // claims given up whose copies may still turn up: they are acknowledged
	orphans    []uint64        // held copies of claims that were lost on the present connection: they go back
	reclaimed  []*lease
	healed     int           // claims that had vanished and were put back
	last       error         // of the last set-up that failed
	changed    chan struct{} // closed and renewed when last changes
}

// lease is one claim. Its fields belong to the store's mutex.
type lease struct {
	id    string
	msg   amqp091.Publishing // without our own two headers
	claim *leaseClaim
	taken chan struct{} // closed when the first copy has been delivered to us

	sequence int64     // of the copy that is ours
	renewed  time.Time // just before the last copy that was committed was sent
	publish  bool      // a copy has to be published although none is held: taken, or healed
	fresh    bool      // reclaimed and not renewed yet: its age is not known
	tag      uint64    // of the held copy on the present channel; 0: none
	attached bool      // a copy was delivered on the present connection, which is still there
	isTaken  bool
	lost     bool
	want     *settlement
}

// settlement is what the owner of a claim wants to be done with it.
type settlement struct {
	kind    settleKind
	headers map[string]any
	tried   bool // it has been sent, and the answer may have been missed
	copied  bool // the copy has been committed
	err     error
	done    chan struct{}
}

type settleKind int

const (
	settleDone settleKind = iota // it is over
	settleBack                   // to the task queue, as it is, at once
	settleCopy                   // to the task queue with other headers
)

func newClaimStore(cfg LeaseConfig, s *session) *claimStore {
	return &claimStore{
		cfg: cfg, session: s, log: s.log, renewEvery: min(cfg.Lease/4, renewAtMost), wake: make(chan struct{}, 1), reconciled: make(chan struct{}),
		closed: make(chan struct{}), leases: make(map[string]*lease), dropped: make(map[string]bool),
		changed: make(chan struct{}),
	}
}

// run keeps the claims connection until ctx ends.
func (s *claimStore) run(ctx context.Context) {
	s.session.run(ctx, func(ctx context.Context, c *connection, ready func()) error {
		g := &claimsGeneration{store: s, conn: c}
		err := g.serve(ctx, ready)
		s.detach()
		s.fenceAt(time.Now()) // what was held for longer than its lease has gone with the connection
		s.setTrouble(err)
		return err
	})
}

// close ends all waiting. What is claimed stays claimed for the rest of its lease.
func (s *claimStore) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.closed)
	for _, l := range s.leases {
		l.finish(ErrClosed)
	}
}

func (s *claimStore) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *claimStore) setTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = err
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *claimStore) trouble() (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed, s.last
}

// add asks for a copy of the message to be published.
func (s *claimStore) add(l *lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return ErrClosed
	default:
	}
	l.publish = true
	s.leases[l.id] = l
	s.signal()
	return nil
}

// drop gives a lease up that was never ours alone: its original is not acknowledged, so its copies must go.
func (s *claimStore) drop(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.lost {
		return
	}
	if l.tag != 0 { // by the normal way; nobody waits for it
		l.want = &settlement{kind: settleDone, done: make(chan struct{})}
		s.signal()
		return
	}
	delete(s.leases, l.id)
	s.dropped[l.id] = true
}

// settle waits until the broker has committed what is wanted, over as many connections as it takes.
func (s *claimStore) settle(ctx context.Context, l *lease, w settlement) error {
	w.done = make(chan struct{})
	s.mu.Lock()
	if l.lost {
		s.mu.Unlock()
		return ErrLost
	}
	if l.want == nil { // else an earlier call was cut short, and its wish goes on
		l.want = &w
	}
	want := l.want
	s.signal()
	s.mu.Unlock()
	select {
	case <-want.done:
		return want.err
	case <-s.closed:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finish ends the wait for a settlement; the store's mutex is held.
func (l *lease) finish(err error) {
	if l.want == nil {
		return
	}
	l.want.err = err
	close(l.want.done)
	l.want = nil
}

// lose gives a lease up that somebody else has by now; the store's mutex is held.
func (s *claimStore) lose(l *lease, why string) {
	s.log.Warn("a claim is lost", "id", l.msg.MessageId, "reason", why)
	l.lost = true
	delete(s.leases, l.id)
	if l.tag != 0 {
		s.orphans = append(s.orphans, l.tag)
	}
	l.finish(ErrLost)
	if l.claim != nil && l.isTaken {
		l.claim.end()
	}
}

func (s *claimStore) isLost(l *lease) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.lost
}

func (s *claimStore) deadlineOf(l *lease) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline(l)
}

func (s *claimStore) deadline(l *lease) time.Time {
	return l.renewed.Add(s.cfg.Lease - s.cfg.Margin)
}

// detach: the connection is gone, and with it every delivery tag.
func (s *claimStore) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.committing, s.orphans = nil, time.Time{}, nil
	for id, l := range s.leases {
		l.tag, l.attached = 0, false
		if l.fresh { // it will be reclaimed from the beginning
			delete(s.leases, id)
		}
	}
}

// reclaimedDeliveries are handed out once.
func (s *claimStore) reclaimedDeliveries() []*Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Delivery
	for _, l := range s.reclaimed {
		out = append(out, l.claim.delivery(s.cfg.Queue))
	}
	s.reclaimed = nil
	return out
}

// delivery is for a claim that has no other.
func (c *leaseClaim) delivery(queue string) *Delivery {
	return &Delivery{Message: *c.message, Queue: queue, claim: c}
}
