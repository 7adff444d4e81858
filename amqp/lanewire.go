package amqp

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// serve moves the lane's messages over one channel until the channel, the connection or ctx ends. ready is called
// when the channel is in confirm mode.
//
// Two goroutines: the one that writes may hang for as long as the broker blocks publishers; the one that waits for
// confirms must not hang with it.
func (l *lane) serve(ctx context.Context, c *connection, ready func()) error {
	ch, err := c.channel(ctx)
	if err != nil {
		return err
	}
	closes := ch.NotifyClose(make(chan *amqp091.Error, 1))
	// The library's reader puts a return here before it looks at the confirm of the same message. There is never
	// more than a window of them, so it never waits.
	returns := ch.NotifyReturn(make(chan amqp091.Return, window))
	if err := confirmMode(ctx, c, ch); err != nil {
		return err
	}
	ready()

	stop := context.AfterFunc(ctx, c.endWrites)
	defer stop()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan *amqp091.DeferredConfirmation, window)
	var confirms sync.WaitGroup
	confirms.Go(func() {
		defer cancel()
		err = l.awaitConfirms(inner, c, ch, sent, returns)
	})
	l.write(inner, ch, sent)
	close(sent)
	confirms.Wait()

	var reply *amqp091.Error
	select {
	case <-c.done: // its end says nothing about any message
	default:
		select {
		case reply = <-closes:
		default:
			if ctx.Err() == nil { // else the connection goes too
				c.closeChannel(ch)
			}
		}
	}
	l.rewind(reply)
	if reply != nil {
		return c.wrap(ctx, "publish", "", reply)
	}
	return err
}

func confirmMode(ctx context.Context, c *connection, ch *amqp091.Channel) error {
	defer c.killAfter(ctx)()
	return c.wrap(ctx, "ask for confirms", "", ch.Confirm(false))
}

// write puts messages on the wire until ctx ends or the channel does. What it could not write stays in flight, and
// is rewound.
func (l *lane) write(ctx context.Context, ch *amqp091.Channel, sent chan<- *amqp091.DeferredConfirmation) {
	for ctx.Err() == nil {
		e := l.next()
		if e == nil {
			select {
			case <-l.wake:
			case <-ctx.Done():
			}
			continue
		}
		dc, err := ch.PublishWithDeferredConfirm(e.exchange, e.key, e.mandatory, false, e.msg)
		if err != nil {
			return
		}
		sent <- dc // never blocks: its capacity is the window
	}
}

// awaitConfirms takes the confirms in the order of sending; they may come in another, which matters to nobody.
func (l *lane) awaitConfirms(ctx context.Context, c *connection, ch *amqp091.Channel, sent <-chan *amqp091.DeferredConfirmation, returns <-chan amqp091.Return) error {
	var unclaimed []amqp091.Return
	for dc := range sent {
		if err := c.confirm(ctx, dc); err != nil {
			return err
		}
		e := l.oldest()
		if !dc.Acked() {
			// The library answers "false" for everything that is open when a channel ends.
			if ch.IsClosed() {
				return nil
			}
			err := l.nacked(e)
			if err == nil {
				return ErrNacked
			}
			l.confirmed(err)
			continue
		}
		var err error
		if e.mandatory {
			unclaimed = appendReady(unclaimed, returns)
			if len(unclaimed) > 0 && e.isReturned(unclaimed[0]) {
				unclaimed = unclaimed[1:]
				err = l.returned(e)
			}
		}
		l.confirmed(err)
	}
	return nil
}

// confirm waits for a confirm, good or bad.
func (c *connection) confirm(ctx context.Context, dc *amqp091.DeferredConfirmation) error {
	t := time.NewTimer(c.confirmTimeout)
	defer t.Stop()
	for {
		select {
		case <-dc.Done():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
			if !c.refusing.Load() {
				return c.wrap(ctx, "publish", "", fmt.Errorf("no confirm within %s", c.confirmTimeout))
			}
			t.Reset(c.confirmTimeout)
		}
	}
}

func appendReady(list []amqp091.Return, more <-chan amqp091.Return) []amqp091.Return {
	for {
		select {
		case r, ok := <-more:
			if !ok {
				return list
			}
			list = append(list, r)
		default:
			return list
		}
	}
}

// isReturned tells whether r is this message. Returns carry no number, but they come in the order of sending.
func (e *envelope) isReturned(r amqp091.Return) bool {
	return r.RoutingKey == e.key && r.Exchange == e.exchange && r.MessageId == e.msg.MessageId &&
		r.CorrelationId == e.msg.CorrelationId && len(r.Body) == len(e.msg.Body)
}
