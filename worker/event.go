package worker

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/docker-worker/docker-worker/worker/task"
)

// EventType names an event. The names are part of the public contract.
type EventType string

// The events, as docs/protocol.md lists them.
const (
	TaskClaimed   EventType = "task.claimed"
	TaskPreparing EventType = "task.preparing"
	TaskStarted   EventType = "task.started"
	TaskLog       EventType = "task.log" // not JSON: the raw bytes
	TaskArtifact  EventType = "task.artifact"
	TaskCompleted EventType = "task.completed"
	TaskFailed    EventType = "task.failed"
	TaskException EventType = "task.exception"

	WorkerStarted   EventType = "worker.started"
	WorkerHeartbeat EventType = "worker.heartbeat"
	WorkerDraining  EventType = "worker.draining"
	WorkerStopped   EventType = "worker.stopped"
)

// isOutcome tells the events that end an attempt. One for each attempt is sent, and that nobody gets it is worth knowing.
func isOutcome(event EventType) bool {
	return event == TaskCompleted || event == TaskFailed || event == TaskException
}

// eventVersion is the version of the JSON bodies. It grows when a field changes its meaning; new fields do not count.
const eventVersion = 1

// Message is an event as it leaves the worker.
type Message struct {
	RoutingKey    string // on the events exchange: <type>.<task or worker id>
	Type          EventType
	MessageID     string // unique: receivers can drop duplicates
	CorrelationID string
	AppID         string // the worker's id
	ContentType   string
	Time          time.Time
	Headers       map[string]any
	Body          []byte
	Mandatory     bool // that nobody listens is worth knowing: an outcome, with no copy asked for

	// ReplyTo, when not empty, is the queue that gets this message instead of the events exchange.
	ReplyTo string
}

// taskEnvelope is what every JSON event of a task begins with.
type taskEnvelope struct {
	Version  int       `json:"version"`
	Event    EventType `json:"event"`
	TaskID   string    `json:"taskId"`
	Attempt  int       `json:"attempt"`
	Sequence int64     `json:"sequence"`
	Time     time.Time `json:"time"`
	WorkerID string    `json:"workerId"`
	Queue    string    `json:"queue"`
}

// What the events of a task add to the envelope.
type (
	claimedDetails struct {
		Worker   workerFacts     `json:"worker"`
		Until    *time.Time      `json:"leaseUntil,omitempty"` // the claim ends then, unless it is renewed
		Metadata json.RawMessage `json:"metadata,omitempty"`
	}
	preparingDetails struct {
		Stage    string         `json:"stage,omitempty"`
		Progress *ImageProgress `json:"progress,omitempty"`
	}
	startedDetails struct {
		ContainerID  string            `json:"containerId"`
		Image        imageFact         `json:"image"`
		MaxRunTime   task.Seconds      `json:"maxRunTime"`
		Network      string            `json:"network"`
		Sandbox      bool              `json:"sandbox,omitempty"`     // the network was ready before the task came
		Limits       task.Resources    `json:"limits"`                // as applied
		Capabilities task.Capabilities `json:"capabilities,omitzero"` // beyond the ordinary
	}
	outcomeDetails struct {
		*Outcome
		Image    *imageFact      `json:"image,omitempty"`
		Metadata json.RawMessage `json:"metadata,omitempty"`
	}
)

// workerFacts tell a receiver which machine speaks.
type workerFacts struct {
	ID   string `json:"id"`
	Type string `json:"type,omitempty"`
	Host string `json:"host"`
}

// imageFact is what a reference stood for when the task ran.
type imageFact struct {
	Reference string `json:"reference"`
	ID        string `json:"id"`
	Digest    string `json:"digest,omitempty"` // name@sha256:…; absent for an image that no registry knows
}

// ImageProgress is how far a pull has come, summed over the layers that the engine has named so far.
type ImageProgress struct {
	Image        string `json:"image"`
	CurrentBytes int64  `json:"currentBytes"`
	TotalBytes   int64  `json:"totalBytes"`
}

// messageID identifies one event for ever: receivers may see it twice and drop it.
func messageID(taskID string, attempt int, sequence int64) string {
	return fmt.Sprintf("%s/%d/%d", taskID, attempt, sequence)
}

// mergeJSON writes the fields of two structs as one object: the envelope's, then the details'. Both must marshal to
// objects; details may be nil.
func mergeJSON(envelope any, details json.RawMessage) []byte {
	head, err := json.Marshal(envelope)
	if err != nil {
		panic(fmt.Sprintf("worker: encode event: %v", err)) // our own struct of plain fields
	}
	if len(details) <= len("{}") || details[0] != '{' {
		return head
	}
	body := make([]byte, 0, len(head)+len(details))
	body = append(body, head[:len(head)-1]...)
	body = append(body, ',')
	return append(body, details[1:]...)
}
