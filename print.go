package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/worker"
	"github.com/docker-worker/docker-worker/worker/task"
)

// printer shows one task to a person or a script: its stdout and stderr where they belong, the worker's own lines on
// stderr, and, if asked for, each event as a line of JSON on stdout.
type printer struct {
	stdout, stderr io.Writer
	events         bool // events on stdout; the log goes to stderr then

	midLine bool  // the last thing shown did not end its line
	attempt int64 // of the log that is shown
	shown   int64 // bytes of it
	outcome *outcome
}

// outcome is what a client needs to know of an outcome event.
type outcome struct {
	Event    worker.EventType `json:"event"`
	Attempt  int              `json:"attempt"`
	Reason   worker.Reason    `json:"reason"`
	Message  string           `json:"message"`
	Problems []task.Problem   `json:"problems"`
	ExitCode *int             `json:"exitCode"`
	Retrying bool             `json:"retrying"`
}

// log shows a piece of the log, less what was shown before: events may come twice.
func (p *printer) log(headers map[string]any, text []byte) error {
	stream, _ := headers["stream"].(string)
	if attempt := amqp.Integer(headers["attempt"]); attempt != p.attempt {
		p.attempt, p.shown = attempt, 0
	}
	again := min(max(p.shown-amqp.Integer(headers["offset"]), 0), int64(len(text)))
	text = text[again:]
	p.shown += int64(len(text))
	if len(text) == 0 {
		return nil
	}
	out := p.stdout
	if stream != "stdout" || p.events {
		out = p.stderr
	}
	if stream == "worker" {
		p.freshLine()
	}
	if _, err := out.Write(text); err != nil {
		return err
	}
	p.midLine = !bytes.HasSuffix(text, []byte("\n"))
	return nil
}

// event takes note of an event, and shows it where events are wanted.
func (p *printer) event(kind worker.EventType, body []byte) error {
	if p.events {
		p.freshLine()
		if _, err := fmt.Fprintf(p.stdout, "%s\n", body); err != nil {
			return err
		}
	}
	switch kind {
	case worker.TaskCompleted, worker.TaskFailed, worker.TaskException:
		var o outcome
		if err := json.Unmarshal(body, &o); err != nil {
			return fmt.Errorf("read the outcome: %w", err)
		}
		p.outcome = &o
	}
	return nil
}

// summary is one line for the end.
func (p *printer) summary() {
	p.freshLine()
	o := p.outcome
	word := string(o.Event[len("task."):])
	switch {
	case o.ExitCode != nil && (o.Reason == worker.Completed || o.Reason == worker.Failed):
		fmt.Fprintf(p.stderr, "%s: exit code %d\n", word, *o.ExitCode)
	case o.ExitCode != nil:
		fmt.Fprintf(p.stderr, "%s: %s, exit code %d\n", word, o.Reason, *o.ExitCode)
	case o.Retrying:
		fmt.Fprintf(p.stderr, "%s: %s, another attempt follows\n", word, o.Reason)
	default:
		fmt.Fprintf(p.stderr, "%s: %s\n", word, o.Reason)
	}
}

// freshLine ends a line that the task has left open, so that ours begins one.
func (p *printer) freshLine() {
	if p.midLine {
		fmt.Fprintln(p.stderr)
		p.midLine = false
	}
}

// exit is the exit code of the whole command: the task's, or 125 where it has none.
func (p *printer) exit() error {
	switch o := p.outcome; {
	case o == nil:
		return failure{exitException, fmt.Errorf("the task ended without an outcome")}
	case o.Event == worker.TaskException || o.ExitCode == nil:
		return failure{exitException, nil}
	case *o.ExitCode != 0:
		return failure{*o.ExitCode, nil}
	}
	return nil
}
