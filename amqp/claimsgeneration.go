package amqp

import (
	"context"
	"fmt"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// claimsGeneration is one connection of the claims: the lock, the claims queue, and one channel in transaction mode
// that publishes copies, consumes them and acknowledges them. Acknowledgements must go over the channel of the
// delivery, and a commit is the only thing that the broker answers them with. One goroutine does it all.
type claimsGeneration struct {
	store *claimStore
	conn  *connection
	ch    *amqp091.Channel

	returns    chan amqp091.Return
	deliveries <-chan amqp091.Delivery
	barrier    string   // what tells our barrier from that of another life; empty: it has come
	discard    []uint64 // copies that are of no more use: acknowledged
	handBack   []uint64 // copies of claims that are not ours: to the task queue
}

func (g *claimsGeneration) serve(ctx context.Context, ready func()) error {
	// A commit waits for its answer, and the broker may block us: the end of the connection is what ends it.
	defer g.conn.killLater(ctx)()
	if err := g.setUp(ctx); err != nil {
		return err
	}
	if err := g.reconcile(ctx); err != nil {
		return err
	}
	ready()
	tick := time.NewTicker(min(time.Second, g.store.cfg.Lease/20))
	defer tick.Stop()
	for {
		if err := g.work(ctx, time.Now()); err != nil {
			return err
		}
		select {
		case d, ok := <-g.deliveries:
			if !ok {
				return g.wrap(ctx, "consume queue", errCanceled)
			}
			g.arrive(d)
		case <-g.store.wake:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *claimsGeneration) wrap(ctx context.Context, op string, err error) error {
	return g.conn.wrap(ctx, op, g.store.cfg.claimsQueue(), err)
}

// reconcile takes what comes until the barrier: that is everything that is ours at the broker. Then it is renewed, and
// what should have come and did not is decided about.
func (g *claimsGeneration) reconcile(ctx context.Context) error {
	for g.barrier != "" {
		select {
		case d, ok := <-g.deliveries:
			if !ok {
				return g.wrap(ctx, "consume queue", errCanceled)
			}
			g.arrive(d)
		case <-ctx.Done():
			return nil
		}
	}
	g.store.settleAbsent(time.Now())
	if err := g.renew(ctx, g.store.attachedLeases()); err != nil {
		return err
	}
	g.store.doneReclaiming()
	return nil
}

// arrive finds out what a copy is.
func (g *claimsGeneration) arrive(d amqp091.Delivery) {
	if nonce, ok := d.Headers[barrierHeader]; ok {
		if nonce == g.barrier {
			g.barrier = ""
		}
		g.discard = append(g.discard, d.DeliveryTag) // or it was left behind by another life
		return
	}
	switch replaced, verdict := g.store.arrive(d); verdict {
	case copyStale:
		g.discard = append(g.discard, d.DeliveryTag)
	case copyForeign:
		g.handBack = append(g.handBack, d.DeliveryTag)
	case copyOurs:
		if replaced != 0 {
			g.discard = append(g.discard, replaced)
		}
	}
}

// work does what is due: renewals first, because nothing may delay them.
func (g *claimsGeneration) work(ctx context.Context, now time.Time) error {
	if g.conn.refusing.Load() {
		return nil // it would hang; what is held does not expire
	}
	if err := g.renew(ctx, g.store.dueForRenewal(now)); err != nil {
		return err
	}
	if err := g.clear(ctx); err != nil {
		return err
	}
	if err := g.publishNew(ctx, g.store.toPublish()); err != nil {
		return err
	}
	return g.settle(ctx, g.store.toSettle())
}

// renew publishes a fresh copy of each, and acknowledges the held one when the broker has the fresh one. One transaction
// for both looks better and is not: a quorum queue may take the acknowledgement, hear of our end, and drop the copy. So
// an end in the middle leaves two, of which the older is known by its number, never none.
func (g *claimsGeneration) renew(ctx context.Context, due []renewal) error {
	if len(due) == 0 {
		return nil
	}
	if err := g.publishNew(ctx, due); err != nil {
		return err
	}
	for _, r := range due {
		if err := g.ch.Ack(r.tag, false); err != nil {
			return g.wrap(ctx, "renew claim in queue", err)
		}
	}
	return g.commit(ctx)
}

// publishNew publishes copies: of what is taken, renewed, or has to be healed.
func (g *claimsGeneration) publishNew(ctx context.Context, fresh []renewal) error {
	if len(fresh) == 0 {
		return nil
	}
	begin := time.Now()
	for _, r := range fresh {
		if err := g.publish(ctx, g.store.cfg.claimsQueue(), r.copy); err != nil {
			return err
		}
	}
	if err := g.commit(ctx); err != nil {
		return err
	}
	g.store.renewedAt(fresh, begin)
	return nil
}

// clear gets rid of copies that nobody needs.
func (g *claimsGeneration) clear(ctx context.Context) error {
	g.handBack = append(g.handBack, g.store.takeOrphans()...)
	if len(g.discard)+len(g.handBack) == 0 {
		return nil
	}
	for _, tag := range g.discard {
		if err := g.ch.Ack(tag, false); err != nil {
			return g.wrap(ctx, "acknowledge in queue", err)
		}
	}
	for _, tag := range g.handBack {
		if err := g.ch.Nack(tag, false, false); err != nil {
			return g.wrap(ctx, "give back from queue", err)
		}
	}
	g.discard, g.handBack = nil, nil
	return g.commit(ctx)
}

// settle does what the owners of claims want. Copies for the task queue are committed before the claims are
// acknowledged: a transaction over two queues is not atomic when the broker dies.
func (g *claimsGeneration) settle(ctx context.Context, wanted []settling) error {
	if len(wanted) == 0 {
		return nil
	}
	copies := false
	for _, w := range wanted {
		if w.copy != nil {
			copies = true
			if err := g.publish(ctx, g.store.cfg.Queue, *w.copy); err != nil {
				return err
			}
		}
	}
	if copies {
		unroutable, err := g.commitReturns(ctx)
		if err != nil {
			return err
		}
		wanted = g.store.copied(wanted, unroutable)
	}
	g.store.trying(wanted)
	for _, w := range wanted {
		var err error
		if w.kind == settleBack {
			err = g.ch.Nack(w.tag, false, false)
		} else {
			err = g.ch.Ack(w.tag, false)
		}
		if err != nil {
			return g.wrap(ctx, "settle claim in queue", err)
		}
	}
	if err := g.commit(ctx); err != nil {
		return err
	}
	g.store.settled(wanted)
	return nil
}

func (g *claimsGeneration) publish(ctx context.Context, queue string, msg amqp091.Publishing) error {
	msg.DeliveryMode = amqp091.Persistent
	return g.conn.wrap(ctx, "publish to queue", queue, g.ch.PublishWithContext(ctx, "", queue, true, false, msg))
}

// commit is for copies that go to our own queue. One that was returned would be a claim that is gone.
func (g *claimsGeneration) commit(ctx context.Context) error {
	returned, err := g.commitReturns(ctx)
	if err == nil && len(returned) > 0 {
		err = g.wrap(ctx, "publish to queue", ErrUnroutable)
	}
	return err
}

// commitReturns commits and tells which claims' copies no queue took. The broker answers the commit when everything in
// it is safe.
func (g *claimsGeneration) commitReturns(ctx context.Context) (map[string]bool, error) {
	g.store.committingSince(time.Now())
	err := g.ch.TxCommit()
	g.store.committingSince(time.Time{})
	if err != nil {
		return nil, g.wrap(ctx, "commit to queue", err)
	}
	returned := make(map[string]bool)
	for _, r := range appendReady(nil, g.returns) {
		returned[fmt.Sprint(r.Headers[claimHeader])] = true
	}
	return returned, nil
}
