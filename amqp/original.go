package amqp

import (
	"bytes"

	"github.com/rabbitmq/amqp091-go"
)

// A claim is taken in two steps, the copy and the acknowledgement of the original, and a crash between them leaves both.
// Who comes back to the claim is then offered the original as well: it must not run twice.

// ackOriginal acknowledges a message that is the original of a claim of ours, and tells whether it was one.
func (s *claimStore) ackOriginal(raw amqp091.Delivery) bool {
	if !s.isOriginal(raw) {
		return false
	}
	s.log.Info("the original of a claim came again; the claim goes on", "id", raw.MessageId)
	_ = raw.Ack(false) // if that is lost as well it comes again
	return true
}

// isOriginal is careful, because the message will be gone: it was delivered before, it is the very message, and the claim
// is safe at the broker and not on its way back to the task queue.
func (s *claimStore) isOriginal(raw amqp091.Delivery) bool {
	if !raw.Redelivered || raw.MessageId == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, l := range s.leases {
		if l.isTaken && l.want == nil && raw.Headers[claimHeader] != id && l.isCopyOf(raw) {
			return true
		}
	}
	return false
}

func (l *lease) isCopyOf(raw amqp091.Delivery) bool {
	m := l.msg
	return m.MessageId == raw.MessageId && m.CorrelationId == raw.CorrelationId && m.ReplyTo == raw.ReplyTo &&
		m.Timestamp.Equal(raw.Timestamp) && bytes.Equal(m.Body, raw.Body)
}
