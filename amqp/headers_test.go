package amqp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"
)

func TestCopyOf(t *testing.T) {
	when := time.Unix(1700000000, 0)
	got := copyOf(newMessage(amqp091.Delivery{
		Headers: amqp091.Table{
			"x-death": []any{}, "x-first-death-queue": "q", "x-last-death-reason": "r", "x-delivery-count": int64(3),
			"x-acquired-count": int64(3), "CC": []any{"other"}, "BCC": []any{"other"},
			"traceparent": "00-1", "attempt": int32(1), "x-mine": "kept",
		},
		ContentType: "application/json", ContentEncoding: "gzip", DeliveryMode: 1, Priority: 7, CorrelationId: "c",
		ReplyTo: "r", Expiration: "60000", MessageId: "m", Timestamp: when, Type: "t", UserId: "guest", AppId: "a",
		Body: []byte("b"),
	}), map[string]any{"attempt": int32(2)})
	want := amqp091.Publishing{
		Headers:     amqp091.Table{"traceparent": "00-1", "attempt": int32(2), "x-mine": "kept"},
		ContentType: "application/json", ContentEncoding: "gzip", DeliveryMode: amqp091.Persistent, Priority: 7,
		CorrelationId: "c", ReplyTo: "r", Expiration: "60000", MessageId: "m", Timestamp: when, Type: "t", AppId: "a",
		Body: []byte("b"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInteger(t *testing.T) {
	for _, tc := range []struct {
		value any
		want  int64
	}{{nil, 0}, {int64(4), 4}, {int32(4), 4}, {int16(4), 4}, {int8(4), 4}, {uint8(4), 4}, {4, 4}, {"4", 0}} {
		if got := Integer(tc.value); got != tc.want {
			t.Errorf("%T: %d, want %d", tc.value, got, tc.want)
		}
	}
}
