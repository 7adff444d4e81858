package dockerapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	// maxErrorBody is how much of an error's body is read.
	maxErrorBody = 64 << 10

	// maxMessage is how much of the engine's message is kept.
	maxMessage = 4 << 10
)

var (
	// ErrUnknownExit is a wait that ended without a result: the engine went away, the stream broke, or it was
	// closed. The container may run or not: inspect it, and wait again.
	ErrUnknownExit = errors.New("the container's exit is not known")

	// ErrInactive is a pull or a load of which nothing was heard for its inactivity limit.
	ErrInactive = errors.New("no progress within the inactivity limit")

	// ErrEmptyID is a call for a container, image, volume … without a name. It never reaches the engine, where an
	// empty name means another endpoint (deleting "" lists).
	ErrEmptyID = errors.New("empty id")
)

// kind is what an error means, where the status does not say it.
type kind uint8

const (
	kindStatus        kind = iota // StatusCode says it all
	kindUnreachable               // no answer, or an answer that broke off, though the context was alive
	kindCanceled                  // the context of the call ended
	kindInvalid                   // refused here, before the engine was asked
	kindNotFound                  // a registry has no such image
	kindDenied                    // a registry refuses
	kindTemporary                 // a registry or the network is in trouble
	kindNoCommand                 // the container's command does not exist
	kindNotExecutable             // the container's command cannot be executed
)

// Error is a call that did not succeed. Its text holds no credentials, no query and no URL.
type Error struct {
	Op         string // the operationId, for example "ContainerCreate"
	Method     string // "" when the request was refused before it was built
	Path       string // without the version prefix and the query
	StatusCode int    // 0 when the engine gave no status; 200 when the error was inside a stream
	Message    string // what the engine said, at most 4 KiB; "" when it said nothing
	Err        error  // the cause, where there is one: a network error, the context's error and its cause, a sentinel

	kind       kind
	idempotent bool // the request may be sent again without harm
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Method != "" {
		fmt.Fprintf(&b, " (%s %s)", e.Method, e.Path)
	}
	b.WriteString(": ")
	switch {
	case e.Message != "" && e.Err != nil:
		fmt.Fprintf(&b, "%s: %v", e.Message, e.Err)
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	}
	if e.StatusCode != 0 && e.StatusCode != http.StatusOK {
		if e.Message == "" && e.Err == nil {
			b.WriteString(strings.ToLower(http.StatusText(e.StatusCode)))
		}
		fmt.Fprintf(&b, " (status %d)", e.StatusCode)
	}
	return b.String()
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// responseError reads the error out of a response, of which it reads but does not close the body.
// Engines send JSON, except for an attach to nothing (text under the content type of a stream), podman's unknown
// routes (text) and 304 (nothing).
func responseError(r request, resp *http.Response) *Error {
	e := r.newError()
	e.StatusCode = resp.StatusCode
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil && len(body) == 0 {
		e.Err = err
	}
	e.Message = errorMessage(body)
	return e
}

// errorMessage finds the message in an error's body, and makes it fit for a log.
func errorMessage(body []byte) string {
	var parsed struct{ Message string }
	text := string(body)
	if err := json.Unmarshal(body, &parsed); err == nil && parsed.Message != "" {
		text = parsed.Message
	}
	text = strings.TrimSpace(text)
	if len(text) > maxMessage {
		text = text[:maxMessage] + "…"
	}
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}

// transportError is a request or a stream that broke. What the context says goes first: it is why.
func transportError(ctx context.Context, r request, err error) *Error {
	e := r.newError()
	if cause := contextError(ctx); cause != nil {
		e.kind, e.Err = kindCanceled, cause
		return e
	}
	e.kind, e.Err = kindUnreachable, withoutURL(err)
	return e
}

// contextError is nil while the context lives; then it is both its error and its cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
