//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// checkProperties holds a message of the events exchange against the protocol; "" says that all is well. Every message
// that any test hears goes through it.
func checkProperties(d amqp091.Delivery) string {
	switch {
	case d.DeliveryMode != amqp091.Persistent:
		return fmt.Sprintf("delivery_mode %d, want 2", d.DeliveryMode)
	case d.AppId == "":
		return "no app_id"
	case time.Since(d.Timestamp).Abs() > time.Hour:
		return fmt.Sprintf("timestamp %v", d.Timestamp)
	case d.UserId != "":
		return "a user_id"
	}
	switch {
	case strings.HasPrefix(d.Type, "worker."):
		return checkWorkerEvent(d)
	case d.Type == "task.log":
		return checkLogPiece(d)
	default:
		return checkTaskEvent(d)
	}
}

func checkTaskEvent(d amqp091.Delivery) string {
	var body struct {
		fields
		Time string
	}
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return err.Error()
	}
	if _, err := time.Parse(time.RFC3339Nano, body.Time); err != nil {
		return err.Error()
	}
	return firstDifference(
		"content_type", d.ContentType, "application/json",
		"version", body.Version, 1,
		"event", body.Event, d.Type,
		"workerId", body.WorkerID, d.AppId,
		"routing key", d.RoutingKey, d.Type+"."+body.TaskID,
		"message_id", d.MessageId, fmt.Sprintf("%s/%d/%d", body.TaskID, body.Attempt, body.Sequence),
		"correlation_id", d.CorrelationId, body.TaskID,
	)
}

func checkLogPiece(d amqp091.Delivery) string {
	task, _ := d.Headers["taskId"].(string)
	if stream, _ := d.Headers["stream"].(string); stream != "stdout" && stream != "stderr" && stream != "worker" && !strings.HasPrefix(stream, "service/") {
		return fmt.Sprintf("stream %v", d.Headers["stream"])
	}
	return firstDifference(
		"content_type", d.ContentType, "application/octet-stream",
		"routing key", d.RoutingKey, "task.log."+task,
		"message_id", d.MessageId, fmt.Sprintf("%s/%d/%d", task, d.Headers["attempt"], d.Headers["sequence"]),
		"correlation_id", d.CorrelationId, task,
	)
}

func checkWorkerEvent(d amqp091.Delivery) string {
	var body fields
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return err.Error()
	}
	return firstDifference(
		"content_type", d.ContentType, "application/json",
		"version", body.Version, 1,
		"event", body.Event, d.Type,
		"workerId", body.WorkerID, d.AppId,
		"routing key", d.RoutingKey, d.Type+"."+d.AppId,
		"correlation_id", d.CorrelationId, d.AppId,
	)
}

// firstDifference takes triples: a name, what came, what was wanted.
func firstDifference(triples ...any) string {
	for i := 0; i < len(triples); i += 3 {
		if triples[i+1] != triples[i+2] {
			return fmt.Sprintf("%s is %v, want %v", triples[i], triples[i+1], triples[i+2])
		}
	}
	return ""
}
