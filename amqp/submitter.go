package amqp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/rabbitmq/amqp091-go"
)

// Submitter is the other side: it puts one message after another on a queue, and listens to what comes back. It has
// one connection and does not make another: when that breaks, every call says so, and its owner decides.
type Submitter struct {
	conn  *connection
	lane  *lane
	stop  context.CancelCauseFunc
	serve sync.WaitGroup

	deliveries  <-chan amqp091.Delivery // nil: no reply queue
	replyCh     *amqp091.Channel
	replyQueue  string
	replyCloses <-chan *amqp091.Error
}

// NewSubmitter connects. ctx bounds this only. The owner must call Close.
func NewSubmitter(ctx context.Context, d *Dialer) (*Submitter, error) {
	conn, err := d.dial(ctx, "submit")
	if err != nil {
		return nil, err
	}
	s := &Submitter{conn: conn, lane: newLane()}
	// The connection's life is the Submitter's, not that of the call which made it.
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s.stop = stop
	s.serve.Go(func() { s.run(serving) })
	s.serve.Go(func() {
		select {
		case <-conn.done:
			stop(conn.wrap(context.WithoutCancel(ctx), "stay connected", "", conn.err))
		case <-serving.Done():
		}
	})
	return s, nil
}

// run opens a new channel each time that a message made the broker close one.
func (s *Submitter) run(ctx context.Context) {
	for s.lane.hasWork(ctx) == nil {
		if s.lane.serve(ctx, s.conn, func() {}) != nil {
			select {
			case <-s.conn.done:
				<-ctx.Done() // the watcher knows why
			default:
			}
		}
	}
	s.lane.close(context.Cause(ctx))
}

// Submit publishes a message to a queue through the default exchange, and returns nil when the broker has it. If the
// queue does not exist the error is ErrUnroutable, and IsNoQueue says so too; IsAccessRefused if we may not publish;
// ErrNacked if the queue is full. RoutingKey, ReplyTo and Mandatory of the message are not used.
func (s *Submitter) Submit(ctx context.Context, queue string, msg Publishing) error {
	wire, err := msg.wire()
	if err == nil {
		err = s.lane.send(ctx, []*envelope{{key: queue, mandatory: true, msg: wire}})
	}
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return s.conn.wrap(context.WithoutCancel(ctx), "publish to queue", queue, err)
}

// Listen makes a queue for what comes back: for this connection alone, gone with it. It returns the queue's name, to
// be set as ResponseTo of a message. Call it once, before Submit, so that nothing is missed. The name begins with
// "docker-worker.reply.", so that permissions can be given for it.
func (s *Submitter) Listen(ctx context.Context) (string, error) {
	queue := "docker-worker.reply." + rand.Text()
	ch, err := s.conn.channel(ctx)
	if err != nil {
		return "", err
	}
	defer s.conn.killAfter(ctx)()
	if _, err := ch.QueueDeclare(queue, false, true, true, false, nil); err != nil {
		return "", s.conn.wrap(ctx, "declare reply queue", queue, err)
	}
	// Without acknowledgements: the queue has no other reader, and dies with us. A slow reader is not a danger to the
	// broker then, but what it has not read yet is kept in our memory.
	s.deliveries, err = ch.Consume(queue, "", true, true, false, false, nil)
	if err != nil {
		return "", s.conn.wrap(ctx, "consume reply queue", queue, err)
	}
	s.replyQueue = queue
	s.replyCh, s.replyCloses = ch, ch.NotifyClose(make(chan *amqp091.Error, 1))
	return queue, nil
}

// Follow yields what arrives on the queue of Listen until the caller breaks off, ctx ends or the connection breaks;
// in the last two cases the final pair has an error, and no message.
func (s *Submitter) Follow(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if s.deliveries == nil {
			yield(Message{}, errors.New("follow: Listen was not called"))
			return
		}
		for {
			select {
			case d, ok := <-s.deliveries:
				if !ok {
					yield(Message{}, s.ended())
					return
				}
				if !yield(newMessage(d), nil) {
					return
				}
			case <-ctx.Done():
				yield(Message{}, fmt.Errorf("follow: %w", context.Cause(ctx)))
				return
			}
		}
	}
}

// ended says why there are no more replies: the connection, the channel, or the queue was deleted under us.
func (s *Submitter) ended() error {
	err := errCanceled
	if s.replyCh.IsClosed() {
		err = ErrClosed
		if reply, ok := <-s.replyCloses; ok {
			err = reply
		}
	}
	return &Error{Op: "follow replies", Broker: s.conn.url.Redacted(), VHost: s.conn.url.vhost, Err: err}
}

// Close ends the connection. Calls that wait get an error that is ErrClosed.
func (s *Submitter) Close() {
	s.stop(ErrClosed)
	s.conn.close()
	s.serve.Wait()
}
