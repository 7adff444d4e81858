package dockerapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// DefaultInactivity is how long a pull or a load may say nothing.
const DefaultInactivity = 5 * time.Minute

// PullOptions tell how an image is pulled.
type PullOptions struct {
	// Auth are the credentials for the reference's registry; nil pulls without.
	Auth *RegistryAuth

	// Platform is "os/arch[/variant]"; "" is the engine's own.
	Platform string `since:"1.32"`

	// Progress, when it is set, hears what the engine says, in the goroutine that called. A slow one slows the pull.
	Progress func(PullProgress)

	// Inactivity is how long the engine may say nothing: then the pull ends with [ErrInactive]. There is no limit to
	// the whole, because a large image over a slow line is no error. 0 is [DefaultInactivity].
	Inactivity time.Duration
}

// PullProgress is one step of a pull.
type PullProgress struct {
	ID      string // the layer; "" for the image as a whole
	Status  string // for people, for example "Downloading"
	Current int64  // bytes, 0 when it is not known
	Total   int64  // bytes, 0 when it is not known
}

// ImagePull pulls one image. A reference without tag and digest is ":latest", never all tags; with a digest, the tag
// does not matter. When the context ends, the engine gives up too.
//
// The engine says 200 before it knows: errors inside the stream are an [*Error] with status 200. Whatever the status,
// [IsNotFound] and [IsDenied] tell that trying again is useless, [IsTemporary] that it is not. That a pull succeeded
// does not prove that the image is there (another client may remove it): inspect it.
//
// The operationId is ImageCreate.
func (c *Client) ImagePull(ctx context.Context, image string, opts PullOptions) error {
	r := request{op: "ImageCreate", method: http.MethodPost, path: "/images/create", idempotent: true}
	ref, err := ParseReference(image)
	if err != nil {
		return r.invalid(err)
	}
	if err := c.require(ctx, r, PullOptions{Platform: opts.Platform}); err != nil {
		return err
	}
	r.query = url.Values{"fromImage": {ref.name}, "tag": {ref.version()}}
	if opts.Platform != "" {
		r.query.Set("platform", opts.Platform)
	}
	if opts.Auth != nil {
		r.header = http.Header{"X-Registry-Auth": {opts.Auth.header()}}
	}
	err = c.readStream(ctx, r, opts.Inactivity, func(m streamMessage) {
		if opts.Progress != nil {
			opts.Progress(PullProgress{ID: m.ID, Status: m.Status, Current: m.ProgressDetail.Current, Total: m.ProgressDetail.Total})
		}
	})
	if e, ok := errors.AsType[*Error](err); ok && e.kind == kindStatus {
		e.kind = registryFailure(e.StatusCode, e.Message)
	}
	return err
}

// readStream sends a request that is answered by a stream of messages, and reads it to its end.
func (c *Client) readStream(ctx context.Context, r request, inactivity time.Duration, hear func(streamMessage)) error {
	if inactivity <= 0 {
		inactivity = DefaultInactivity
	}
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(inactivity, func() { cancel(ErrInactive) })
	defer watchdog.Stop()

	err := c.readMessages(watched, r, func(m streamMessage) {
		watchdog.Reset(inactivity)
		hear(m)
	})
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(watched), ErrInactive) {
		e := r.newError()
		e.kind, e.Err = kindTemporary, fmt.Errorf("%w of %v", ErrInactive, inactivity)
		return e
	}
	return err
}

// readMessages hears every message until the first that is an error.
func (c *Client) readMessages(ctx context.Context, r request, hear func(streamMessage)) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer closeBody(resp.Body)
	messages := newMessageStream(resp.Body)
	for {
		var m streamMessage
		switch err := messages.next(&m); {
		case err == io.EOF:
			return nil
		case err != nil:
			return decodeError(ctx, r, resp.StatusCode, err)
		}
		if failure := m.failure(); failure != "" {
			e := r.newError()
			e.StatusCode, e.Message = resp.StatusCode, errorMessage([]byte(failure))
			return e
		}
		hear(m)
	}
}
