package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// history is what a journal tells of the process that wrote it before: how far the task had come.
type history struct {
	told      map[EventType]journaledEvent // the first of each kind
	artifacts map[string]ArtifactReport    // by name, as far as they were told
	verdict   *verdictRecord               // nil: the command had not ended, or nobody saw it
	written   time.Time                    // when the last record was
}

// verdictRecord is written when the command has ended, before anything of the task is removed: whoever comes after a
// crash then knows the outcome, and does not look for a container that is gone.
type verdictRecord struct {
	Outcome  Outcome         `json:"outcome"`
	Image    imageFact       `json:"image"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// has tells whether the event is in the journal already.
func (h *history) has(event EventType) bool {
	if h == nil {
		return false
	}
	_, ok := h.told[event]
	return ok
}

// at is when the event was told, nil for one that was not.
func (h *history) at(event EventType) *time.Time {
	if !h.has(event) {
		return nil
	}
	t := h.told[event].Time
	return &t
}

// decided tells whether the command was seen to its end.
func (h *history) decided() bool { return h != nil && h.verdict != nil }

// outcomeTold tells whether the outcome is in the journal: nothing may follow it.
func (h *history) outcomeTold() bool {
	return h.has(TaskCompleted) || h.has(TaskFailed) || h.has(TaskException)
}

// reopenJournal goes on with the journal at path, or makes one where there is none. What a crash has torn at its end is
// cut off. Like openJournal it always returns a journal, and a history.
func reopenJournal(path string, limit int64) (*journal, *history, error) {
	past := &history{told: map[EventType]journaledEvent{}, artifacts: map[string]ArtifactReport{}}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		j, err := openJournal(path, limit)
		return j, past, err
	}
	j := newJournal(limit)
	if err != nil {
		j.broken = err
		return j, past, err
	}
	j.file = file
	if err := j.replay(past); err != nil {
		j.broken = fmt.Errorf("read the journal of an earlier process: %w", err)
		return j, past, j.broken
	}
	return j, past, nil
}

// replay reads the file to its last whole record, and counts all as if it were appended now.
func (j *journal) replay(past *history) error {
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	past.written = info.ModTime()
	j.fileSize = info.Size() // so that ReadAt sees all of it
	var whole int64
	for whole+recordHeader <= info.Size() {
		kind, size, err := j.header(whole)
		if err != nil {
			return err
		}
		if kind < recordStdout || kind > recordLast || whole+recordHeader+size > info.Size() {
			break
		}
		payload := make([]byte, size)
		if _, err := j.file.ReadAt(payload, whole+recordHeader); err != nil && err != io.EOF {
			return err
		}
		if err := past.note(kind, payload); err != nil {
			return err
		}
		j.count(kind, payload)
		switch kind {
		case recordStdout:
			j.keptStdout += size
		case recordStderr:
			j.keptStderr += size
		case recordService:
			j.keptService += size - int64(servicePrefix(payload))
		}
		whole += recordHeader + size
	}
	j.fileSize = whole
	j.rewind()
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	_, err = j.file.Seek(whole, io.SeekStart)
	return err
}

// note takes from one record what the history is about.
func (h *history) note(kind recordKind, payload []byte) error {
	switch kind {
	case recordEvent:
		var e journaledEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			return fmt.Errorf("decode an event: %w", err)
		}
		if !h.has(e.Type) {
			h.told[e.Type] = e
		}
		if e.Type == TaskArtifact {
			return h.noteArtifact(e.Details)
		}
	case recordVerdict:
		h.verdict = &verdictRecord{}
		if err := json.Unmarshal(payload, h.verdict); err != nil {
			return fmt.Errorf("decode the verdict: %w", err)
		}
	}
	return nil
}

// rewind forgets what was written by the command but not stored: the log is going to be read again from its beginning,
// and comes past it once more.
func (j *journal) rewind() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.summary.StdoutBytes, j.summary.StderrBytes = j.keptStdout, j.keptStderr
	j.tail = tail{size: j.tail.size}
}

// decide writes the verdict.
func (j *journal) decide(v verdictRecord) {
	payload, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("worker: encode the verdict: %v", err)) // our own struct
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.append(recordVerdict, append(make([]byte, recordHeader), j.masker.JSON(payload, machineMade...)...))
}
