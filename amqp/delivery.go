package amqp

import (
	"context"
	"sync"
	"time"
)

// Delivery is a message that is ours, until it is settled (Ack, Reject, Requeue or Return, once) or lost.
// Its methods may be called by several goroutines; the fields must not be changed.
type Delivery struct {
	Message
	Queue         string // the queue that it was taken from
	DeliveryCount int64  // the broker's x-delivery-count: earlier deliveries that were not acknowledged; 0 when absent

	claim   claim
	mu      sync.Mutex // held while settling
	settled bool
}

// claim is what stands behind a delivery: an unacknowledged message on its channel, or a lease that is renewed.
type claim interface {
	lost() <-chan struct{}
	deadline() time.Time
	take(ctx context.Context, headers map[string]any) error
	ack(ctx context.Context) error
	reject(ctx context.Context) error
	requeue(ctx context.Context) error
	giveBack(ctx context.Context, headers map[string]any) error
}

// Lost is closed when the message is no longer ours although we did not settle it: the broker has given or will give
// it to somebody else. What was begun for it must stop, and nothing may be said about it.
func (d *Delivery) Lost() <-chan struct{} { return d.claim.lost() }

// Deadline is the time until which the message is certainly ours if the broker is not reached again. Zero: there is
// no such time, the message is lost with its connection. It moves as the claim is renewed.
func (d *Delivery) Deadline() time.Time { return d.claim.deadline() }

// Claim makes the delivery ours beyond this connection where the consumer can do that (leases), with these headers
// merged into the message. It comes after the message was found good and before work for it begins; a message that
// is bad is rejected without. For a delivery that is held it does nothing. ErrLost if somebody else has it by now.
//
// One window stays open, because AMQP does not answer acknowledgements: when the connection breaks in the instant after
// that of the original was written, the message may be on its queue again and claimed as well. Offered to us it is passed
// over then; another worker begins with it.
func (d *Delivery) Claim(ctx context.Context, headers map[string]any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settled {
		return ErrSettled
	}
	if d.isLost() {
		return ErrLost
	}
	return d.claim.take(ctx, headers)
}

// Ack tells the broker that the message is done with. Nil means that this was written to the connection that the
// message came over. If that connection breaks in the same instant the broker may not have read it, and somebody
// gets the message again: AMQP has no answer to an acknowledgement.
func (d *Delivery) Ack(ctx context.Context) error {
	return d.settle(ctx, d.claim.ack)
}

// Reject gives the message to the dead-letter exchange of its queue. Without one it is gone.
func (d *Delivery) Reject(ctx context.Context) error {
	return d.settle(ctx, d.claim.reject)
}

// Requeue gives the message back to its queue, where it is next again. On a quorum queue this counts as one of the
// deliveries that RabbitMQ 4 allows (20) before it drops a message: it is for emergencies.
func (d *Delivery) Requeue(ctx context.Context) error {
	return d.settle(ctx, d.claim.requeue)
}

// Return gives the message back as a fresh copy at the end of its queue, with these headers merged into its own; this
// is how attempts are counted. The copy is confirmed by the broker before the original is acknowledged, so that a
// crash in between leaves two and never none. Where we may not publish to the queue it is requeued as it is.
//
// It waits for the broker. If it returns an error, and that is not ErrLost, the message is still ours.
func (d *Delivery) Return(ctx context.Context, headers map[string]any) error {
	return d.settle(ctx, func(ctx context.Context) error { return d.claim.giveBack(ctx, headers) })
}

func (d *Delivery) settle(ctx context.Context, how func(context.Context) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settled {
		return ErrSettled
	}
	if d.isLost() {
		return ErrLost
	}
	if err := how(ctx); err != nil {
		return err
	}
	d.settled = true
	return nil
}

func (d *Delivery) isLost() bool {
	select {
	case <-d.claim.lost():
		return true
	default:
		return false
	}
}
