package dockerapi

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Event is something that happened at the engine.
type Event struct {
	Type     string     // "container", "image", "network", "volume", "daemon"
	Action   string     // "create", "start", "die", "oom", "destroy", "health_status: healthy" …
	Actor    EventActor // whom it happened to
	TimeNano int64      `json:"timeNano"` // since 1970
}

// Time is when it happened.
func (e Event) Time() time.Time { return time.Unix(0, e.TimeNano) }

// EventActor is the thing that an event is about.
type EventActor struct {
	ID         string
	Attributes map[string]string // its labels, and facts: "name", "image", "exitCode" of die, "signal" of kill
}

// EventsOptions select events.
type EventsOptions struct {
	Since   time.Time // also those from then on; the engine remembers 256 at most. The zero value is from now on
	Until   time.Time // end the stream then; the zero value never ends
	Filters Filters   // for example {"type": {"container"}, "event": {"die", "oom"}, "label": {"key=value"}}
}

// EventStream is a stream of events. Next is for one goroutine; Close may be called at any time, and unblocks it.
type EventStream struct {
	stream *bodyStream
	decode func(any) error
	broken func(error) error
}

// SystemEvents opens the stream of events, and returns when the engine has begun to listen. The context bounds the
// whole stream. After a gap (an engine that was away) ask for the state: events may be missing.
// Errors: 400 for a filter that does not exist.
func (c *Client) SystemEvents(ctx context.Context, opts EventsOptions) (*EventStream, error) {
	r := request{op: "SystemEvents", method: http.MethodGet, path: "/events", query: url.Values{}}
	if !opts.Since.IsZero() {
		r.query.Set("since", unixNanos(opts.Since))
	}
	if !opts.Until.IsZero() {
		r.query.Set("until", unixNanos(opts.Until))
	}
	opts.Filters.addTo(r.query)
	stream, err := c.stream(ctx, r)
	if err != nil {
		return nil, err
	}
	s := &EventStream{stream: stream, decode: newMessageStream(stream.body).next}
	s.broken = func(err error) error { return decodeError(ctx, r, http.StatusOK, err) }
	return s, nil
}

// Next blocks until there is an event. The error is io.EOF when Until has come or the engine went away cleanly, else
// an [*Error].
func (s *EventStream) Next() (Event, error) {
	var e Event
	err := s.decode(&e)
	switch {
	case err == nil, err == io.EOF:
		return e, err
	}
	return e, s.broken(err)
}

// Close ends the stream.
func (s *EventStream) Close() error { return s.stream.Close() }
