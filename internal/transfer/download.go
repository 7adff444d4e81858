package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// maxRedirects is how often a download may be sent elsewhere.
const maxRedirects = 5

// Download says what is fetched.
type Download struct {
	URL      string
	SHA256   string // in hexadecimal; "" is not checked
	MaxBytes int64  // 0 is no limit
}

// Downloaded is what was fetched.
type Downloaded struct {
	Bytes  int64
	SHA256 string // in hexadecimal
}

// Download fetches d.URL into dst, from its beginning; each try begins again. When it returns nil, dst holds exactly
// what the server has: all of it, and with the checksum that was asked for. Other errors than an [*Error] are those of
// dst and the cause of ctx.
func (c *Client) Download(ctx context.Context, d Download, dst *os.File) (Downloaded, error) {
	from, err := parse(d.URL)
	if err != nil {
		return Downloaded{}, &Error{Op: "download", URL: Redact(d.URL), Err: err, permanent: true}
	}
	var got Downloaded
	err = c.persist(ctx, "download", d.URL, func(ctx context.Context, moved func()) (failed *failure) {
		got, failed = c.fetch(ctx, from, d, dst, moved)
		return failed
	})
	return got, err
}

func (c *Client) fetch(ctx context.Context, from *url.URL, d Download, dst *os.File, moved func()) (Downloaded, *failure) {
	if _, err := dst.Seek(0, io.SeekStart); err != nil {
		return Downloaded{}, own(err)
	}
	if err := dst.Truncate(0); err != nil {
		return Downloaded{}, own(err)
	}
	response, failed := c.follow(ctx, from, moved)
	if failed != nil {
		return Downloaded{}, failed
	}
	defer response.Body.Close()
	tooLarge := fmt.Errorf("it is larger than the %d bytes that are allowed", d.MaxBytes)
	if d.MaxBytes > 0 && response.ContentLength > d.MaxBytes {
		return Downloaded{}, final(tooLarge)
	}
	sum := sha256.New()
	n, failed := receive(ctx, dst, sum, response.Body, d.MaxBytes, moved)
	if failed != nil {
		return Downloaded{}, failed
	}
	if d.MaxBytes > 0 && n > d.MaxBytes {
		return Downloaded{}, final(tooLarge)
	}
	got := Downloaded{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if d.SHA256 != "" && !strings.EqualFold(d.SHA256, got.SHA256) {
		return Downloaded{}, final(fmt.Errorf("its sha256 is %s, not %s", got.SHA256, strings.ToLower(d.SHA256)))
	}
	return got, nil
}

// receive copies a body, up to one byte beyond limit where there is one. A body that ends too early is an error of its
// own.
func receive(ctx context.Context, dst io.Writer, sum hash.Hash, body io.Reader, limit int64, moved func()) (int64, *failure) {
	if limit > 0 {
		body = io.LimitReader(body, limit+1)
	}
	buffer := make([]byte, 64<<10)
	for total := int64(0); ; {
		n, err := body.Read(buffer)
		if n > 0 {
			moved()
			total += int64(n)
			sum.Write(buffer[:n])
			if _, err := dst.Write(buffer[:n]); err != nil {
				return total, own(err)
			}
		}
		switch {
		case err == io.EOF:
			return total, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return total, broken(ctx, fmt.Errorf("the answer broke off after %d bytes", total))
		case err != nil:
			return total, broken(ctx, err)
		}
	}
}

// follow sends the request, and sends it again to where it is redirected. A Referer is never sent: it would hand one
// server's signature to another.
func (c *Client) follow(ctx context.Context, to *url.URL, moved func()) (*http.Response, *failure) {
	for range maxRedirects + 1 {
		response, err := c.roundTrip(c.request(ctx, http.MethodGet, to))
		if err != nil {
			return nil, broken(ctx, err)
		}
		moved()
		switch response.StatusCode {
		case http.StatusOK:
			return response, nil
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			response.Body.Close()
			next, err := to.Parse(response.Header.Get("Location"))
			if err != nil || response.Header.Get("Location") == "" {
				return nil, final(errors.New("the server redirects to no address"))
			}
			if _, err := parse(next.String()); err != nil {
				return nil, final(fmt.Errorf("the server redirects elsewhere, but %w", err))
			}
			if to.Scheme == "https" && next.Scheme != "https" {
				return nil, final(errors.New("the server redirects from https to http"))
			}
			to = next
		default:
			defer response.Body.Close()
			return nil, refusal(response)
		}
	}
	return nil, final(fmt.Errorf("the server redirects more than %d times", maxRedirects))
}
