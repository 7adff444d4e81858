package amqp

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// Message is what came over the wire, without the duty to settle it.
type Message struct {
	Body          []byte
	MessageID     string
	CorrelationID string
	ReplyTo       string
	ContentType   string
	Type          string
	AppID         string
	Priority      uint8
	Expiration    string    // milliseconds in decimal; empty: none
	Timestamp     time.Time // whole seconds; zero: none
	Headers       map[string]any
	RoutingKey    string
	Redelivered   bool // it was delivered before, to us or to others

	contentEncoding string
	userID          string
}

func newMessage(d amqp091.Delivery) Message {
	return Message{
		Body: d.Body, MessageID: d.MessageId, CorrelationID: d.CorrelationId, ReplyTo: d.ReplyTo,
		ContentType: d.ContentType, Type: d.Type, AppID: d.AppId, Priority: d.Priority, Expiration: d.Expiration,
		Timestamp: d.Timestamp, Headers: d.Headers, RoutingKey: d.RoutingKey, Redelivered: d.Redelivered,
		contentEncoding: d.ContentEncoding, userID: d.UserId,
	}
}

// Publishing is a message on its way out. It is always persistent.
type Publishing struct {
	RoutingKey    string // on the publisher's exchange
	ReplyTo       string // if set: the queue that it goes to, through the default exchange, instead of RoutingKey
	Type          string
	MessageID     string
	CorrelationID string
	AppID         string
	ContentType   string
	Priority      uint8
	Expiration    string    // milliseconds in decimal
	Timestamp     time.Time // AMQP keeps whole seconds
	Headers       map[string]any
	Mandatory     bool // the broker tells when nobody gets it
	Body          []byte

	// ResponseTo is the property reply_to: where the receiver may answer. (ReplyTo above is an address.)
	ResponseTo string
}

// wire checks what the library checks too late: it closes the connection over a short string that is too long,
// and no retry would ever help.
func (p Publishing) wire() (amqp091.Publishing, error) {
	for what, s := range map[string]string{
		"routing key": p.RoutingKey, "reply queue": p.ReplyTo, "type": p.Type, "message id": p.MessageID,
		"correlation id": p.CorrelationID, "app id": p.AppID, "content type": p.ContentType,
		"expiration": p.Expiration, "reply_to": p.ResponseTo,
	} {
		if len(s) > 255 {
			return amqp091.Publishing{}, fmt.Errorf("the %s has %d bytes, AMQP allows 255", what, len(s))
		}
	}
	headers := amqp091.Table(p.Headers)
	if err := checkHeaders(headers); err != nil {
		return amqp091.Publishing{}, err
	}
	return amqp091.Publishing{
		Headers: maps.Clone(headers), ContentType: p.ContentType, DeliveryMode: amqp091.Persistent, Priority: p.Priority,
		CorrelationId: p.CorrelationID, ReplyTo: p.ResponseTo, Expiration: p.Expiration, MessageId: p.MessageID,
		Timestamp: p.Timestamp, Type: p.Type, AppId: p.AppID, Body: p.Body,
	}, nil
}

func checkHeaders(t amqp091.Table) error {
	for k := range t {
		if k == "" || len(k) > 255 {
			return errors.New("the name of a header is empty or longer than 255 bytes")
		}
	}
	if err := t.Validate(); err != nil {
		return fmt.Errorf("headers: %w", err)
	}
	return nil
}
