package worker

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const (
	// logChunk is the most log bytes in one message: large enough for throughput, far below any broker's limit.
	logChunk = 64 << 10
	// relayBatch is how many messages are sent before their confirms are awaited.
	relayBatch = 8
	// relayLinger is how long small pieces of the log are collected after the last message. The first bytes after a
	// silence, events, and the end of the log do not wait.
	relayLinger = 100 * time.Millisecond
)

// relay reads a task's journal and publishes it, in order. It runs in a goroutine of its own beside the task.
type relay struct {
	journal *journal
	publish func(ctx context.Context, messages ...Message) error
	logger  *slog.Logger

	taskID        string
	attempt       int
	workerID      string
	queue         string
	correlationID string
	replyTo       string
	traceparent   string

	at      checkpoint      // how far it has come; Offset is the end of what was collected
	durable *checkpointFile // where that is kept
}

// run publishes until the journal is closed and read to its end, then returns nil: everything is confirmed. It ends
// early with the cause of ctx.
func (rl *relay) run(ctx context.Context) error {
	var last time.Time
	kept := rl.at
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		state := rl.journal.state()
		pending := state.size - rl.at.Offset
		if again := rl.at.Until - rl.at.Offset; again > 0 && again <= pending {
			// A batch that an earlier process may have published in part: the same messages once more.
			pending, state.closed = again, true
		}
		if pending == 0 && state.closed {
			return nil
		}
		wait := time.Duration(-1) // until something changes
		if pending > 0 {
			wait = 0
			if int64(state.urgent) == rl.at.Urgent && !state.closed && pending < logChunk {
				wait = max(0, relayLinger-time.Since(last))
			}
		}
		if wait != 0 {
			if wait < 0 && kept != rl.at {
				kept = rl.at
				rl.keep(kept) // all is confirmed, and a process that comes after this one has nothing to repeat
			}
			if err := rl.await(ctx, wait); err != nil {
				return err
			}
			if wait < 0 || time.Since(last) < relayLinger {
				continue
			}
		}
		before := rl.at
		batch, err := rl.collect(pending)
		if err != nil {
			return fmt.Errorf("read the task's journal: %w", err)
		}
		before.Until = rl.at.Offset
		rl.keep(before)
		last = time.Now()
		if len(batch) == 0 {
			continue
		}
		if err := rl.publish(ctx, batch...); err != nil {
			return err
		}
	}
}

// keep replaces the checkpoint. Where it cannot, it matters only if the process dies now, and then only as events that
// come twice under other ids.
func (rl *relay) keep(at checkpoint) {
	if err := rl.durable.save(at); err != nil {
		rl.logger.Warn("cannot keep the relay's checkpoint", "error", err)
	}
}

// await returns when the journal changed, when the time is over (negative: no limit), or with the cause of ctx.
func (rl *relay) await(ctx context.Context, limit time.Duration) error {
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-rl.journal.wake:
		return nil
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// collect makes up to relayBatch messages of the next pending bytes of the journal. Neighbouring records of the same
// stream become one message.
func (rl *relay) collect(pending int64) ([]Message, error) {
	c := collectors.Get()
	defer c.end()
	c.begin(rl.journal, rl.at.Offset)
	var batch []Message
	var stream string // of the chunk
	flush := func() {
		if len(c.chunk) > 0 {
			batch = append(batch, rl.withCopy(rl.logMessage(stream, bytes.Clone(c.chunk)))...)
			c.chunk = c.chunk[:0]
		}
	}
	for pending > 0 && len(batch) < relayBatch {
		header, err := c.in.Peek(recordHeader)
		if err != nil {
			return nil, err
		}
		word := binary.BigEndian.Uint64(header)
		kind, size := recordKind(word>>56), int(word&0xffffffff)
		next, prefix, err := streamOf(c.in, kind)
		if err != nil {
			return nil, err
		}
		if kind < recordStdout || kind > recordLast || int64(recordHeader+size) > pending || prefix > size {
			return nil, fmt.Errorf("what stands at byte %d is no record", rl.at.Offset)
		}
		if next != stream || len(c.chunk)+size-prefix > logChunk {
			flush()
			if len(batch) >= relayBatch {
				break
			}
		}
		stream = next
		if kind == recordVerdict {
			prefix = size // nothing of it is for anybody else
		}
		if _, err := c.in.Discard(recordHeader + prefix); err != nil {
			return nil, err
		}
		if err := c.add(size - prefix); err != nil {
			return nil, err
		}
		rl.at.Offset += int64(recordHeader + size)
		pending -= int64(recordHeader + size)
		if kind == recordEvent {
			m, err := rl.eventMessage(c.chunk)
			if err != nil {
				return nil, err
			}
			batch = append(batch, rl.withCopy(m)...)
			c.chunk = c.chunk[:0]
			rl.at.Urgent++
		}
	}
	flush()
	return batch, nil
}

func (rl *relay) logMessage(stream string, text []byte) Message {
	m := rl.message(TaskLog, time.Now().UTC())
	m.ContentType = "application/octet-stream"
	m.Headers["stream"] = stream
	m.Headers["offset"] = rl.at.Logged
	m.Headers["taskId"] = rl.taskID
	m.Headers["attempt"] = int64(rl.attempt)
	m.Headers["sequence"] = rl.at.Sequence
	m.Body = text
	rl.at.Logged += int64(len(text))
	return m
}

func (rl *relay) eventMessage(record []byte) (Message, error) {
	var e journaledEvent
	if err := json.Unmarshal(record, &e); err != nil {
		return Message{}, fmt.Errorf("decode a journaled event: %w", err)
	}
	m := rl.message(e.Type, e.Time)
	m.ContentType = "application/json"
	// Somebody who wants a copy of everything listens; else that nobody does is worth a warning.
	m.Mandatory = rl.replyTo == "" && isOutcome(e.Type)
	m.Body = mergeJSON(taskEnvelope{
		Version:  eventVersion,
		Event:    e.Type,
		TaskID:   rl.taskID,
		Attempt:  rl.attempt,
		Sequence: rl.at.Sequence,
		Time:     e.Time,
		WorkerID: rl.workerID,
		Queue:    rl.queue,
	}, e.Details)
	return m, nil
}

// message gives the next sequence number to a message of the given type.
func (rl *relay) message(event EventType, at time.Time) Message {
	rl.at.Sequence++
	m := Message{
		RoutingKey:    string(event) + "." + rl.taskID,
		Type:          event,
		MessageID:     messageID(rl.taskID, rl.attempt, rl.at.Sequence),
		CorrelationID: rl.taskID,
		AppID:         rl.workerID,
		Time:          at,
		Headers:       map[string]any{},
	}
	if rl.traceparent != "" {
		m.Headers["traceparent"] = rl.traceparent
	}
	return m
}

// withCopy adds the copy for the queue that the sender named, under the sender's own correlation id.
func (rl *relay) withCopy(m Message) []Message {
	if rl.replyTo == "" {
		return []Message{m}
	}
	reply := m
	reply.RoutingKey, reply.ReplyTo = "", rl.replyTo
	reply.Mandatory = isOutcome(m.Type)
	if rl.correlationID != "" {
		reply.CorrelationID = rl.correlationID
	}
	return []Message{m, reply}
}

// workerMessage is an event about the worker itself. boot tells one process from the next under the same id.
func workerMessage(event EventType, workerID, boot string, sequence int64, at time.Time, body []byte) Message {
	return Message{
		RoutingKey:    strings.Join([]string{string(event), workerID}, "."),
		Type:          event,
		MessageID:     fmt.Sprintf("%s/%s/%d", workerID, boot, sequence),
		CorrelationID: workerID,
		AppID:         workerID,
		ContentType:   "application/json",
		Time:          at,
		Body:          body,
	}
}
