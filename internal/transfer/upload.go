package transfer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Upload says what is sent, and where.
type Upload struct {
	URL             string
	Size            int64  // in bytes; a server is told before it gets them
	ContentType     string // "" sends none
	ContentEncoding string // "" sends none

	// Body gives the content from its beginning, for each try anew. It is closed.
	Body func(ctx context.Context) (io.ReadCloser, error)
}

// Upload sends u.Body to u.URL by HTTP PUT. When it returns nil, the server has said that it has all of it. A body that
// is shorter or longer than u.Size never arrives whole, and is not sent twice. Other errors than an [*Error] are those
// of the body and the cause of ctx.
//
// The request has no headers but Host, User-Agent, Content-Length and what u says. Redirects are not followed: a
// signature is good for one host.
func (c *Client) Upload(ctx context.Context, u Upload) error {
	to, err := parse(u.URL)
	if err != nil {
		return &Error{Op: "upload", URL: Redact(u.URL), Err: err, permanent: true}
	}
	return c.persist(ctx, "upload", u.URL, func(ctx context.Context, moved func()) *failure {
		return c.put(ctx, to, u, moved)
	})
}

func (c *Client) put(ctx context.Context, to *url.URL, u Upload, moved func()) *failure {
	content, err := u.Body(ctx)
	if err != nil {
		return own(err)
	}
	body := newExactBody(content, u.Size, moved)
	defer body.Close()
	request := c.request(ctx, http.MethodPut, to)
	request.ContentLength, request.Body = u.Size, body
	if u.Size == 0 {
		// With a body, 0 would mean that the length is not known.
		request.Body = http.NoBody
		if _, err := body.Read(nil); err != io.EOF {
			return own(err)
		}
	}
	for name, value := range map[string]string{"Content-Type": u.ContentType, "Content-Encoding": u.ContentEncoding} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := c.roundTrip(request)
	if err == nil {
		defer response.Body.Close()
	}
	sent, bodyErr := body.state()
	switch {
	case bodyErr != nil && ctx.Err() == nil:
		return own(bodyErr)
	case err != nil:
		return broken(ctx, err)
	case response.StatusCode < 200 || response.StatusCode >= 300:
		return refusal(response)
	case !sent:
		return &failure{err: errors.New("the server says that it has all before it got it"), status: response.StatusCode}
	}
	firstOf(response.Body) // a connection whose answer was read to its end can be used again
	return nil
}
