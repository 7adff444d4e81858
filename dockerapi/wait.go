package dockerapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// WaitCondition is what a wait waits for.
type WaitCondition string

const (
	// WaitNextExit is the next time that the container exits: the one to open before the start.
	WaitNextExit WaitCondition = "next-exit"

	// WaitNotRunning is at once for a container that does not run, also for one that was never started (exit code 0).
	WaitNotRunning WaitCondition = "not-running"

	// WaitRemoved is the end of its removal.
	WaitRemoved WaitCondition = "removed"
)

// errNoCode is an answer that is JSON but no exit.
var errNoCode = errors.New("the engine's answer has no exit code")

// ExitStatus is how a container ended.
type ExitStatus struct {
	StatusCode int64  // of the main process; 137 is SIGKILL, for whatever reason; podman says -1 when it does not know
	Error      string // what the engine could not do, else ""
}

// Wait is an exit that is waited for. Result and Close may be called by different goroutines.
type Wait struct {
	body   io.ReadCloser
	broken func(error) *Error // why there is no result

	once   sync.Once
	status ExitStatus
	err    error
}

// ContainerWait starts to wait, and returns when the engine has begun to. Call it after create and before start, with
// [WaitNextExit]. The context bounds the whole wait; so it has one of its own, or is closed, when the start fails:
// the engine then keeps the wait open until the container is removed.
//
// Since API 1.30. Errors: 404.
func (c *Client) ContainerWait(ctx context.Context, id string, condition WaitCondition) (*Wait, error) {
	r, err := containerRequest("ContainerWait", http.MethodPost, id, "/wait")
	if err != nil {
		return nil, err
	}
	if err := c.requireCall(ctx, r, apiVersion{1, 30}); err != nil {
		return nil, err
	}
	r.query = url.Values{"condition": {string(condition)}}
	r.idempotent = true
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	broken := func(err error) *Error {
		e := decodeError(ctx, r, resp.StatusCode, err)
		e.Err = fmt.Errorf("%w: %w", ErrUnknownExit, e.Err)
		return e
	}
	return &Wait{body: resp.Body, broken: broken}, nil
}

// Result blocks until the container has met the condition. Every error is an [*Error] that is [ErrUnknownExit]: the
// engine went away, the context ended, or the wait was closed. The container may run or not.
func (w *Wait) Result() (ExitStatus, error) {
	w.once.Do(func() {
		defer closeBody(w.body)
		w.status, w.err = w.read()
	})
	return w.status, w.err
}

func (w *Wait) read() (ExitStatus, error) {
	var answer struct {
		StatusCode *int64
		Error      *struct{ Message string }
	}
	if err := json.NewDecoder(w.body).Decode(&answer); err != nil {
		return ExitStatus{}, w.broken(err)
	}
	if answer.StatusCode == nil {
		// An answer without a code is no exit, above all no exit with 0.
		return ExitStatus{}, w.broken(errNoCode)
	}
	status := ExitStatus{StatusCode: *answer.StatusCode}
	if answer.Error != nil {
		status.Error = answer.Error.Message
	}
	return status, nil
}

// Close gives the wait up, and unblocks Result. After a result it does nothing.
func (w *Wait) Close() error { return w.body.Close() }
