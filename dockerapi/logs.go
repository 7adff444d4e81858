package dockerapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// LogsOptions select what is read of a container's log.
type LogsOptions struct {
	Stdout bool
	Stderr bool
	Follow bool      // go on until the container exits
	Since  time.Time // inclusive, to the nanosecond; the zero value is the beginning

	// Timestamps puts an RFC 3339 time and a space before each line, and, because the engine cuts lines at 16 KiB,
	// into the middle of long ones.
	Timestamps bool

	// Tail is how many lines from the end are read; nil is all.
	Tail *int
}

// ContainerLogs reads what the engine's log driver kept: frames for a [FrameReader], or raw bytes when the container
// has a Tty. The caller closes it. The context bounds the whole reading; then Read returns its cause.
//
// It is for catching up: an attachment has several times the throughput, and the driver "local" loses data when its
// reader is slow. An error of the engine in mid-stream is a frame of [SystemErr].
//
// Errors: 400 without a stream, 404, 501 when the driver cannot be read (podman says 500).
func (c *Client) ContainerLogs(ctx context.Context, id string, opts LogsOptions) (io.ReadCloser, error) {
	r, err := containerRequest("ContainerLogs", http.MethodGet, id, "/logs")
	if err != nil {
		return nil, err
	}
	r.query = url.Values{}
	setTrue(r.query, "stdout", opts.Stdout)
	setTrue(r.query, "stderr", opts.Stderr)
	setTrue(r.query, "follow", opts.Follow)
	setTrue(r.query, "timestamps", opts.Timestamps)
	if !opts.Since.IsZero() {
		r.query.Set("since", unixNanos(opts.Since))
	}
	if opts.Tail != nil {
		r.query.Set("tail", fmt.Sprint(*opts.Tail))
	}
	return c.stream(ctx, r)
}

// unixNanos is a time as the engine's queries want it: seconds since 1970 and nine decimals.
func unixNanos(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// stream sends a request whose answer is a stream of bytes.
func (c *Client) stream(ctx context.Context, r request) (*bodyStream, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return newBodyStream(ctx, r, resp.Body), nil
}

// bodyStream is a body whose errors are those of this package.
type bodyStream struct {
	body   io.ReadCloser
	broken func(error) error // what an error of the body means
}

func newBodyStream(ctx context.Context, r request, body io.ReadCloser) *bodyStream {
	return &bodyStream{body: body, broken: func(err error) error {
		if err == io.EOF && ctx.Err() == nil {
			return io.EOF
		}
		return transportError(ctx, r, err)
	}}
}

// Read is io.EOF at the clean end; every other error is an *Error.
func (s *bodyStream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil {
		err = s.broken(err)
	}
	return n, err
}

// Close gives up what was not read.
func (s *bodyStream) Close() error { return s.body.Close() }
