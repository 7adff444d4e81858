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
	r.idempotent = !opts.Stdin
	return c.upgrade(ctx, r, opts.Stdin)
}

// Attachment is the raw stream between a process in a container and its client: frames for a [FrameReader], or the
// bytes of the terminal when it has a Tty. (The response's content type does not tell which: the engine says "raw"
// for both.)
//
// One goroutine may read while another writes; Close may be called at any time, and unblocks both.
type Attachment struct {
	*bodyStream
	in   upgraded    // nil without stdin
	stop func() bool // ends the watch over the context; nil where net/http has it
	once sync.Once
	err  error
}

// upgraded is what net/http makes of a connection that it gave away.
type upgraded interface {
	io.Writer
	CloseWrite() error
}

// upgrade sends a request that turns its connection into a stream in both directions. An upgraded connection costs
// net/http nothing any more, where it keeps two goroutines and their buffers for a plain answer. Where nothing is to be
// written a plain answer serves as well: not everything that stands before an engine lets an upgrade through.
func (c *Client) upgrade(ctx context.Context, r request, writable bool) (*Attachment, error) {
	r.header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}}
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	a := &Attachment{bodyStream: newBodyStream(ctx, r, resp.Body)}
	switched := resp.StatusCode == http.StatusSwitchingProtocols
	if writable {
		var ok bool
		if a.in, ok = resp.Body.(upgraded); !ok || !switched {
			_ = resp.Body.Close()
			e := r.newError()
			e.StatusCode, e.Err = resp.StatusCode, errors.New("the engine did not make the connection a stream")
			return nil, e
		}
	}
	if switched {
		// net/http gave the connection away for good: cancelling the context does not reach it any more.
		a.stop = context.AfterFunc(ctx, func() { _ = resp.Body.Close() })
	}
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
