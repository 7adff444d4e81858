package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// LeaseConfig configures a LeaseConsumer.
type LeaseConfig struct {
	// Queue to take messages from. It must exist.
	Queue string

	// WorkerID owns the claims. Two processes with the same id exclude each other; one that comes back under its id
	// finds its claims again.
	WorkerID string

	// Lease is how long a claim stays ours when the broker is not reached, and so how long the messages of a worker
	// that died wait for another one. It is a property of the claims queue: a worker that comes back with another lease
	// is refused until its old claims queue is deleted. Default: 5 min. At least 1 s; below five heartbeats of the
	// connection a short silence of the network costs claims.
	Lease time.Duration

	// Margin is how long before the end of its lease a claim that cannot be renewed counts as lost, so that what was
	// begun for it can be stopped before somebody else begins. Default: a tenth of the lease.
	Margin time.Duration

	// Classic makes the claims queue a classic queue, for a broker without quorum queues. Then a claim is lost when it
	// expires while the task queue is absent or full. Default: quorum, with dead-lettering at least once.
	Classic bool

	// Tag names the consumers in the management UI. Default: "docker-worker".
	Tag string

	// Logger for the operator. Nil: the dialer's.
	Logger *slog.Logger
}

func (c LeaseConfig) withDefaults() (LeaseConfig, error) {
	setDefault(&c.Lease, 5*time.Minute)
	setDefault(&c.Margin, c.Lease/10)
	setDefault(&c.Tag, "docker-worker")
	switch {
	case c.Queue == "" || c.WorkerID == "":
		return c, errors.New("lease: the queue or the worker id is missing")
	case c.Lease < time.Second:
		return c, errors.New("lease: must be at least one second")
	case c.Margin < 0 || c.Margin > c.Lease/2:
		return c, errors.New("lease: the margin must be at most half of the lease")
	case len(c.claimsQueue()) > 255:
		return c, errors.New("lease: queue name and worker id together are too long for the name of the claims queue")
	}
	return c, nil
}

func (c LeaseConfig) claimsQueue() string {
	return "docker-worker.claims." + c.Queue + "." + c.WorkerID
}
func (c LeaseConfig) lockQueue() string { return "docker-worker.lock." + c.WorkerID }

// LeaseConsumer takes messages from a queue and turns each into a lease that it renews: a copy in a queue of the
// worker's own, whose time to live brings it back to the task queue when nobody renews it. A claim outlives the
// connection, the broker's consumer timeout, and the worker: who comes back under the same id finds it.
//
// The way of a message: Receive offers it, still unacknowledged on the task queue. It can be rejected then and there.
// [Delivery.Claim] makes it a claim, before work for it begins. Until that is decided no other message is taken, so
// do not dawdle. From then on it is renewed every quarter of the lease, until it is settled or lost.
//
// To stop: StopConsuming, settle what is held, end Run's context. What is not settled then stays claimed, for the rest
// of its lease.
type LeaseConsumer struct {
	cfg     LeaseConfig
	dialer  *Dialer
	log     *slog.Logger
	store   *claimStore
	session *session // of the task queue; it never publishes, so the broker never stops reading from it
	slots   *slots
}

// NewLeaseConsumer checks the configuration; nothing happens before Run.
func NewLeaseConsumer(d *Dialer, cfg LeaseConfig) (*LeaseConsumer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := newSession(d, "consumer", cfg.Logger)
	if cfg.Lease < 5*d.cfg.Heartbeat {
		s.log.Warn("the lease is so short that a silence of the network can cost claims", "lease", cfg.Lease, "heartbeat", d.cfg.Heartbeat)
	}
	return &LeaseConsumer{
		cfg: cfg, dialer: d, log: s.log, session: s, slots: newSlots(),
		store: newClaimStore(cfg, newSession(d, "claims", cfg.Logger)),
	}, nil
}

// Run keeps the connections, renews the claims, and takes messages for as long as somebody waits in Receive. It
// returns the cause of ctx when that has ended and the connections are closed. It must be called once.
func (c *LeaseConsumer) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { c.store.run(ctx) })
	wg.Go(func() { c.store.fence(ctx) })
	wg.Go(func() {
		select {
		case <-c.store.reconciled: // what was ours comes before anything new
			c.session.run(ctx, c.intake)
		case <-ctx.Done():
		}
		c.slots.close()
	})
	wg.Wait()
	c.store.close()
	return context.Cause(ctx)
}

// Reclaimed waits until the claims that this worker id left behind are ours again and renewed, and returns them; each
// is claimed already and has the headers that it was claimed with. Call it once, before Receive. They are renewed
// until they are settled.
//
// If the claims queue can't be had for a reason that time may not heal it says so at once, while Run goes on trying;
// it can be called again. IsLocked: another worker has this id (or its connection is dead, and the broker has not
// noticed yet: that takes three heartbeats). IsInequivalent: the lease is not the one of the claims queue.
// IsAccessRefused: the user may not declare it.
func (c *LeaseConsumer) Reclaimed(ctx context.Context) ([]*Delivery, error) {
	for {
		changed, err := c.store.trouble()
		select {
		case <-c.store.reconciled:
			return c.store.reclaimedDeliveries(), nil
		default:
		}
		if err != nil && (IsLocked(err) || IsInequivalent(err) || IsAccessRefused(err)) {
			return nil, err
		}
		select {
		case <-c.store.reconciled:
			return c.store.reclaimedDeliveries(), nil
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("reclaim what was ours: %w", context.Cause(ctx))
		}
	}
}

// Receive waits for the next message. Outstanding calls are free slots: nothing is taken from the queue without one.
// Its errors: the cause of ctx, ErrDraining after StopConsuming, ErrClosed after Run.
func (c *LeaseConsumer) Receive(ctx context.Context) (*Delivery, error) { return c.slots.receive(ctx) }

// StopConsuming ends the intake for good, as that of Consumer does. Claims are not touched.
func (c *LeaseConsumer) StopConsuming(ctx context.Context) error {
	if err := c.slots.drain(ctx); err != nil {
		return fmt.Errorf("stop consuming %q: %w", c.cfg.Queue, err)
	}
	return nil
}
