package amqp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rabbitmq/amqp091-go"
)

// Errors of the calls on a Consumer, a Delivery or a Publisher.
var (
	// ErrLost: the connection or channel that the delivery came over is gone, the broker gives the message to
	// somebody else. Nothing was settled, and nothing can be.
	ErrLost = errors.New("the delivery is lost: its connection has ended")
	// ErrSettled: the delivery has been acknowledged, rejected or given back before.
	ErrSettled = errors.New("the delivery is settled already")
	// ErrDraining: StopConsuming was called, no more messages will be received.
	ErrDraining = errors.New("the consumer takes no more messages")
	// ErrClosed: Run has ended.
	ErrClosed = errors.New("the session has ended")
	// ErrUnroutable: the broker found no queue for a message that asked to be told so.
	ErrUnroutable = errors.New("no queue takes the message")
	// ErrNacked: the broker refused a message without a reason, as it does when a queue is full.
	ErrNacked = errors.New("the broker refused the message (is the queue full?)")
)

// Error is what went wrong between us and a broker. Its message is one line for an operator: it names broker,
// vhost and queue, and never a password.
type Error struct {
	Op     string // what was tried: "inspect queue"
	Broker string // redacted URL of the broker that answered or was tried
	VHost  string
	Queue  string // or exchange; empty where there is none
	Err    error  // *amqp091.Error where the broker answered, else the network's error
	Hint   string // what to do about it, where that is known
	dial   bool   // no connection was made
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Queue != "" {
		fmt.Fprintf(&b, " %q", e.Queue)
	}
	if e.Broker != "" {
		fmt.Fprintf(&b, " on %s", e.Broker)
	}
	if e.VHost != "" {
		fmt.Fprintf(&b, " (vhost %q)", e.VHost)
	}
	b.WriteString(": ")
	if reply := brokerReply(e.Err); reply != nil {
		fmt.Fprintf(&b, "%s (%d)", reply.Reason, reply.Code)
	} else {
		b.WriteString(e.Err.Error())
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " - %s", e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// brokerReply is the broker's own answer in an error chain, nil if there is none.
func brokerReply(err error) *amqp091.Error {
	var reply *amqp091.Error
	if errors.As(err, &reply) {
		return reply
	}
	return nil
}

func replyCode(err error) int {
	if reply := brokerReply(err); reply != nil {
		return reply.Code
	}
	return 0
}

func isDial(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.dial
}

// IsNoQueue tells that the queue does not exist. It is the one place where the broker's text decides: code 404 is
// also the answer for a classic queue whose node is down ("home node ... is down or inaccessible"), and that queue
// does exist. "NOT_FOUND - no queue 'x' in vhost 'y'" is the wording of RabbitMQ 3 and 4. A
// message that no queue takes (ErrUnroutable) on its way to one named queue says the same.
func IsNoQueue(err error) bool {
	if errors.Is(err, ErrUnroutable) {
		return true
	}
	reply := brokerReply(err)
	return reply != nil && reply.Code == amqp091.NotFound && strings.HasPrefix(reply.Reason, "NOT_FOUND - no queue ")
}

// IsNoExchange tells that the exchange does not exist.
func IsNoExchange(err error) bool {
	reply := brokerReply(err)
	return reply != nil && reply.Code == amqp091.NotFound && strings.HasPrefix(reply.Reason, "NOT_FOUND - no exchange ")
}

// IsAccessRefused tells that the user is known but may not do what was tried (403).
func IsAccessRefused(err error) bool {
	return replyCode(err) == amqp091.AccessRefused && !isDial(err)
}

// IsBadCredentials tells that the broker did not let us in: user name, password or certificate (403 while
// connecting). RabbitMQ closes the socket without a word here, unless the client could say that it understands one;
// a broker that dies in that very moment looks the same.
func IsBadCredentials(err error) bool {
	return replyCode(err) == amqp091.AccessRefused && isDial(err)
}

// IsNoVHost tells that the vhost does not exist or is closed to the user (530 while connecting).
func IsNoVHost(err error) bool {
	return replyCode(err) == amqp091.NotAllowed && isDial(err)
}

// IsUnreachable tells that no broker could be talked to: refused, timed out, unknown host, TLS.
func IsUnreachable(err error) bool {
	return isDial(err) && !IsBadCredentials(err) && !IsNoVHost(err)
}

// IsInequivalent tells that something of that name exists with other properties (406 on a declaration).
func IsInequivalent(err error) bool {
	return replyCode(err) == amqp091.PreconditionFailed
}

// IsLocked tells that another connection has the queue for itself (405).
func IsLocked(err error) bool {
	return replyCode(err) == amqp091.ResourceLocked
}
