package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// secret is in the query, the credentials or the fragment of each address in these tests, and in nothing that comes back.
const secret = "TOP-SECRET"

// quick is a client that does not wait long between its tries.
func quick(t testing.TB) *Client {
	c := &Client{Pause: time.Millisecond}
	t.Cleanup(c.Close)
	return c
}

// server is a real one that counts what comes.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
}

func serve(t testing.TB, handler func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests++
		n := s.requests
		s.mu.Unlock()
		handler(n, w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// address is one on the server, with a signature.
func (s *server) address(path string) string { return s.URL + path + "?X-Amz-Signature=" + secret }

// breakOff ends an answer before it is whole.
func breakOff(t testing.TB, w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	io.WriteString(conn, answer)
	conn.Close()
}

// transport is a server that is a function. Time may be fake with it.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body io.Reader, header ...string) *http.Response {
	r := &http.Response{StatusCode: status, Body: io.NopCloser(body), Header: http.Header{}, ContentLength: -1}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// steady gives a byte after each pause.
type steady struct {
	pause time.Duration
	left  int
}

func (s *steady) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pause)
	s.left--
	p[0] = 'x'
	return 1, nil
}

func temporaryFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func contentOf(t testing.TB, f *os.File) string {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// text is a body of a few bytes, the same for each try.
func text(s string) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

// zeros is a body without end to speak of.
func zeros(size int64) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zero{}, size)), nil }
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// checkFailure looks at an error as those who get it do: the class, what it says, and that it keeps the secret.
func checkFailure(t testing.TB, err error, permanent bool, want string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an Error", err)
	}
	if IsPermanent(err) != permanent || IsTemporary(err) == permanent {
		t.Errorf("permanent is %v, want %v: %v", IsPermanent(err), permanent, err)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got %q, want it to say %q", err, want)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), secret) {
			t.Errorf("the error gives the secret away: %v", e)
		}
	}
}
