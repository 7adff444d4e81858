package amqp

import (
	"strings"

	"github.com/rabbitmq/amqp091-go"
)

// copyHeaders are the headers for a copy of a message that is published again: those of the original without what
// the broker wrote or would act upon, with our own merged in. Each that is left out has a reason, measured on
// RabbitMQ 3.10 and 4.0:
//
//   - x-death, x-first-death-*, x-last-death-*: 3.10 goes on counting in them, 4.0 starts again; and a copy whose
//     x-death names the queue it would expire to is taken for a dead-letter cycle, and dropped without a word.
//   - x-delivery-count, x-acquired-count: true for the original alone.
//   - CC, BCC: the broker would send the copy to those queues as well.
func copyHeaders(original map[string]any, ours map[string]any) amqp091.Table {
	out := make(amqp091.Table, len(original)+len(ours))
	for k, v := range original {
		if !brokerHeader(k) {
			out[k] = v
		}
	}
	for k, v := range ours {
		out[k] = v
	}
	return out
}

func brokerHeader(name string) bool {
	switch name {
	case "x-death", "x-delivery-count", "x-acquired-count", "CC", "BCC":
		return true
	}
	return strings.HasPrefix(name, "x-first-death-") || strings.HasPrefix(name, "x-last-death-")
}

// copyOf is the message again, for another trip through the broker. The user id is left out: the broker closes the
// channel (406) when it is not the name that we logged in with. Priority and expiration are kept.
func copyOf(m Message, headers map[string]any) amqp091.Publishing {
	return amqp091.Publishing{
		Headers: copyHeaders(m.Headers, headers), ContentType: m.ContentType, ContentEncoding: m.contentEncoding,
		DeliveryMode: amqp091.Persistent, Priority: m.Priority, CorrelationId: m.CorrelationID, ReplyTo: m.ReplyTo,
		Expiration: m.Expiration, MessageId: m.MessageID, Timestamp: m.Timestamp, Type: m.Type, AppId: m.AppID,
		Body: m.Body,
	}
}

// Integer is the value of a header whose sender chose the size of the integer; 0 for anything else.
func Integer(value any) int64 {
	switch n := value.(type) {
	case int64:
		return n
	case int32:
		return int64(n)
	case int16:
		return int64(n)
	case int8:
		return int64(n)
	case uint8:
		return int64(n)
	case int: // before it has been over the wire
		return int64(n)
	}
	return 0
}
