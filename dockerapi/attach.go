package dockerapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// AttachOptions select the streams of an attachment.
type AttachOptions struct {
	Stdin  bool // makes it writable; the container needs OpenStdin
	Stdout bool
	Stderr bool
	Logs   bool // what was written before the attachment comes first, if the log driver can read
}

// Attachment is the raw stream between a container and its client: frames for a [FrameReader], or the bytes of the
// terminal when the container has a Tty. (The response's content type does not tell which: the engine says "raw" for
// both.)
//
// One goroutine may read while another writes; Close may be called at any time, and unblocks both.
type Attachment struct {
	r      request
	body   io.ReadCloser
	writer io.Writer          // nil without Stdin
	alive  func() bool        // the context of the attachment has not ended
	broken func(error) *Error // why the stream ended, if not by itself
	stop   func() bool        // ends the watch over the context
	once   sync.Once
	err    error
}

// ContainerAttach opens the container's streams, and returns when the engine has opened them. Call it after create and
// before start. The context bounds the whole life of the attachment.
//
// The stream must be read without a pause: the engine holds about 1 MB, then the container stands still, and with it
// kill and inspect. An attachment to a container that has exited is empty.
//
// The end of the stream (io.EOF) is not the end of the container: an engine that goes away may end it just as
// cleanly. Only a wait knows.
//
// Errors: 404, 409 when it is paused or restarting.
func (c *Client) ContainerAttach(ctx context.Context, id string, opts AttachOptions) (*Attachment, error) {
	r, err := containerRequest("ContainerAttach", http.MethodPost, id, "/attach")
	if err != nil {
		return nil, err
	}
	r.query = url.Values{"stream": {"1"}}
	setTrue(r.query, "stdin", opts.Stdin)
	setTrue(r.query, "stdout", opts.Stdout)
	setTrue(r.query, "stderr", opts.Stderr)
	setTrue(r.query, "logs", opts.Logs)
	if opts.Stdin {
		return c.upgrade(ctx, r)
	}
	r.idempotent = true
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return newAttachment(ctx, r, resp.Body), nil
}

func newAttachment(ctx context.Context, r request, body io.ReadCloser) *Attachment {
	return &Attachment{
		r: r, body: body,
		alive:  func() bool { return ctx.Err() == nil },
		broken: func(err error) *Error { return transportError(ctx, r, err) },
		stop:   func() bool { return true },
	}
}

// upgrade sends a request that turns its connection into a stream in both directions.
func (c *Client) upgrade(ctx context.Context, r request) (*Attachment, error) {
	r.header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}}
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	writer, ok := resp.Body.(io.Writer)
	if resp.StatusCode != http.StatusSwitchingProtocols || !ok {
		_ = resp.Body.Close()
		e := r.newError()
		e.StatusCode, e.Err = resp.StatusCode, errors.New("the engine did not make the connection a stream")
		return nil, e
	}
	a := newAttachment(ctx, r, resp.Body)
	a.writer = writer
	// net/http gives an upgraded connection away for good: cancelling the context does not reach it any more.
	a.stop = context.AfterFunc(ctx, func() { _ = a.body.Close() })
	return a, nil
}

// Read reads from the container. io.EOF is the end of the stream; every other error is an [*Error].
func (a *Attachment) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if err != nil && (err != io.EOF || !a.alive()) {
		err = a.broken(err)
	}
	return n, err
}

// Write writes to the container's standard input.
func (a *Attachment) Write(p []byte) (int, error) {
	if a.writer == nil {
		return 0, a.r.invalid(errors.New("attached without stdin"))
	}
	n, err := a.writer.Write(p)
	if err != nil {
		err = a.broken(err)
	}
	return n, err
}

// CloseWrite ends the container's standard input (for which it needs StdinOnce) while its output goes on.
func (a *Attachment) CloseWrite() error {
	closer, ok := a.body.(interface{ CloseWrite() error })
	if !ok {
		return a.r.invalid(errors.New("attached without stdin"))
	}
	if err := closer.CloseWrite(); err != nil {
		return a.broken(err)
	}
	return nil
}

// Close ends the attachment; the container goes on. Further calls do nothing.
func (a *Attachment) Close() error {
	a.once.Do(func() {
		a.stop()
		a.err = a.body.Close()
	})
	return a.err
}
