package dockerapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxResponse is more than any answer that is JSON and not a stream: a list of 10,000 containers has 15 MB.
	maxResponse = 256 << 20

	// maxDrain is how much of an unread body is read so that its connection can be used again.
	maxDrain = 64 << 10
)

// request is one call to the engine before it has a version and an address.
type request struct {
	op         string
	method     string
	path       string // without version prefix, escaped
	query      url.Values
	header     http.Header
	body       io.Reader
	json       any  // the body, when body is nil
	plain      bool // no version prefix: ping and version, which must work before anything is known
	idempotent bool // may be sent twice, though the method does not say so
	fresh      bool // on a connection of its own
}

// newError is an error of this request, without a reason yet.
func (r request) newError() *Error {
	return &Error{Op: r.op, Method: r.method, Path: r.path, idempotent: r.isIdempotent()}
}

func (r request) isIdempotent() bool {
	return r.idempotent || r.method == http.MethodGet || r.method == http.MethodHead || r.method == http.MethodDelete
}

// invalid is the error of a request that is refused here.
func (r request) invalid(err error) *Error {
	return &Error{Op: r.op, Err: err, kind: kindInvalid}
}

// send sends the request and returns the response when its headers are there; the caller closes the body.
// Any status of 300 and above is an error. The context bounds the request and the reading of the body.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := c.build(ctx, r)
	if err != nil {
		return nil, err
	}
	client := c.http
	if r.fresh {
		client = c.fresh
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, transportError(ctx, r, err)
	}
	if resp.StatusCode >= 300 {
		defer closeBody(resp.Body)
		return nil, responseError(r, resp)
	}
	return resp, nil
}

// build makes the HTTP request.
func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	path := r.path
	if !r.plain {
		version, err := c.version(ctx)
		if err != nil {
			return nil, err
		}
		path = "/v" + version.String() + path
	}
	body := r.body
	if r.json != nil {
		encoded, err := json.Marshal(r.json)
		if err != nil {
			return nil, r.invalid(err)
		}
		body = bytes.NewReader(encoded)
	}
	address := c.endpoint.scheme + "://" + c.endpoint.host + path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, r.invalid(withoutURL(err))
	}
	for key, values := range r.header {
		req.Header[key] = values
	}
	if r.json != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.isIdempotent() {
		// After a restart of the engine the kept connections are dead. net/http tries again on a new one if it may:
		// a key without a value says so, and is not sent.
		req.Header["Idempotency-Key"] = nil
	}
	return req, nil
}

// call sends the request and decodes the answer into out, which may be nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer closeBody(resp.Body)
	if out == nil {
		return nil
	}
	limited := &io.LimitedReader{R: resp.Body, N: maxResponse}
	if err := json.NewDecoder(limited).Decode(out); err != nil {
		return decodeError(ctx, r, resp.StatusCode, err)
	}
	return nil
}

// decodeError tells an answer that is not what it should be from one that broke off.
func decodeError(ctx context.Context, r request, status int, err error) *Error {
	if isSyntax(err) {
		e := r.newError()
		e.StatusCode, e.Err = status, fmt.Errorf("decode the answer: %w", err)
		return e
	}
	e := transportError(ctx, r, fmt.Errorf("read the answer: %w", err))
	e.StatusCode = status
	return e
}

func isSyntax(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, mismatch := errors.AsType[*json.UnmarshalTypeError](err)
	_, when := errors.AsType[*time.ParseError](err)
	return syntax || mismatch || when
}

// closeBody drains what is left, within bounds, so that the connection can be used again, and closes it.
func closeBody(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain) // only the connection is at stake
	_ = body.Close()
}

// withoutURL takes the address, which may hold a query with secrets, out of an error of net/http.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// escapeName makes a name or id one segment of a path. An empty one, or one that would leave its place in the path, is
// refused: "DELETE /containers/" is another endpoint.
func escapeName(name string) (string, error) {
	if name == "" {
		return "", ErrEmptyID
	}
	if name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("name %q is no name", name)
	}
	return url.PathEscape(name), nil
}

// escapeImage is escapeName for an image, whose reference has slashes that the engine wants to see as they are.
func escapeImage(ref string) (string, error) {
	if ref == "" {
		return "", ErrEmptyID
	}
	segments := strings.Split(ref, "/")
	for i, segment := range segments {
		escaped, err := escapeName(segment)
		if err != nil {
			return "", fmt.Errorf("image reference %q has an empty or relative part", ref)
		}
		segments[i] = escaped
	}
	return strings.Join(segments, "/"), nil
}

// Filters select what a list, a prune or a stream of events shows: all values of one key must hold for labels, any
// value for the others.
type Filters map[string][]string

// addTo puts the filters into a query, as the JSON that the engine wants.
func (f Filters) addTo(query url.Values) {
	if len(f) == 0 {
		return
	}
	encoded, _ := json.Marshal(f) // a map of strings always encodes
	query.Set("filters", string(encoded))
}
