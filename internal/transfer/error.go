package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Error is a transfer that did not come about.
type Error struct {
	Op         string // "download" or "upload"
	URL        string // as Redact shows it
	StatusCode int    // of the last answer; 0 where there was none
	Tries      int
	Err        error

	permanent bool
}

func (e *Error) Error() string {
	tries := ""
	if e.Tries > 1 {
		tries = fmt.Sprintf(" (tried %d times)", e.Tries)
	}
	return fmt.Sprintf("%s %s: %v%s", e.Op, e.URL, e.Err, tries)
}

func (e *Error) Unwrap() error { return e.Err }

// IsPermanent tells whether the request itself is at fault: another try, now or later, gives the same.
func IsPermanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.permanent
}

// IsTemporary tells whether the server or the network is in trouble, so that another try may succeed later.
func IsTemporary(err error) bool {
	var e *Error
	return errors.As(err, &e) && !e.permanent
}

// failure is why one try did not succeed.
type failure struct {
	err    error
	status int
	final  bool          // not to be tried again
	own    bool          // not the server's doing, nor the network's: no Error
	wait   time.Duration // what the server asks for
}

// final is a failure that another try would only repeat.
func final(err error) *failure { return &failure{err: err, final: true} }

// own is a failure on this side.
func own(err error) *failure { return &failure{err: err, final: true, own: true} }

// broken is a failure of the network. An inactive try ends with the cause of its context.
func broken(ctx context.Context, err error) *failure {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	var leaky *url.Error // has the whole address in its text
	for errors.As(err, &leaky) {
		err = leaky.Err
	}
	var refused refusedAddress
	var certificate *tls.CertificateVerificationError
	return &failure{err: err, final: errors.As(err, &refused) || errors.As(err, &certificate)}
}

// refusal is an answer other than the one that was hoped for. The answer's body is not read by anybody else.
func refusal(response *http.Response) *failure {
	status := response.StatusCode
	f := &failure{status: status, wait: retryAfter(response.Header.Get("Retry-After"))}
	f.err = fmt.Errorf("the server answers %d %s", status, http.StatusText(status))
	if word := code(firstOf(response.Body)); word != "" {
		f.err = fmt.Errorf("%w (%s)", f.err, word)
	}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
	case status == http.StatusNotImplemented, status == http.StatusHTTPVersionNotSupported:
		f.final = true
	default:
		f.final = status < 500
	}
	return f
}
