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
	Logs   bool // what was written before the attachment comes first, if the log driver can be read
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
	// Without stdin nothing needs the upgrade, and a plain answer is one that net/http cancels by itself.
	r.idempotent = true
	return c.attachment(ctx, r)
}

// Attachment is the raw stream between a process in a container and its client: frames for a [FrameReader], or the
// bytes of the terminal when it has a Tty. (The response's content type does not tell which: the engine says "raw"
// for both.)
//
// One goroutine may read while another writes; Close may be called at any time, and unblocks both.
type Attachment struct {
	*bodyStream
	in   upgraded    // nil without stdin
	stop func() bool // ends the watch over the context; nil without stdin
	once sync.Once
	err  error
}

// upgraded is what net/http makes of a connection that it gave away.
type upgraded interface {
	io.Writer
	CloseWrite() error
}

// attachment sends a request whose answer is a stream in one direction.
func (c *Client) attachment(ctx context.Context, r request) (*Attachment, error) {
	stream, err := c.stream(ctx, r)
	if err != nil {
		return nil, err
	}
	return &Attachment{bodyStream: stream}, nil
}

// upgrade sends a request that turns its connection into a stream in both directions.
func (c *Client) upgrade(ctx context.Context, r request) (*Attachment, error) {
	r.header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}}
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	in, ok := resp.Body.(upgraded)
	if resp.StatusCode != http.StatusSwitchingProtocols || !ok {
		_ = resp.Body.Close()
		e := r.newError()
		e.StatusCode, e.Err = resp.StatusCode, errors.New("the engine did not make the connection a stream")
		return nil, e
	}
	a := &Attachment{bodyStream: newBodyStream(ctx, r, resp.Body), in: in}
	// net/http gives an upgraded connection away for good: cancelling the context does not reach it any more.
	a.stop = context.AfterFunc(ctx, func() { _ = resp.Body.Close() })
	return a, nil
}

// errNoStdin is a write to an attachment that only reads.
var errNoStdin = errors.New("attached without stdin")

// Write writes to the process's standard input.
func (a *Attachment) Write(p []byte) (int, error) {
	if a.in == nil {
		return 0, errNoStdin
	}
	n, err := a.in.Write(p)
	if err != nil {
		err = a.broken(err)
	}
	return n, err
}

// CloseWrite ends the process's standard input (for which a container needs StdinOnce) while its output goes on.
func (a *Attachment) CloseWrite() error {
	if a.in == nil {
		return errNoStdin
	}
	if err := a.in.CloseWrite(); err != nil {
		return a.broken(err)
	}
	return nil
}

// Close ends the attachment; the process goes on. Further calls do nothing.
func (a *Attachment) Close() error {
	a.once.Do(func() {
		if a.stop != nil {
			a.stop()
		}
		a.err = a.body.Close()
	})
	return a.err
}
