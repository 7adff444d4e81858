package transfer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestUploadTriesAgain: however the first two tries end, the server gets the whole content in the third.
func TestUploadTriesAgain(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	for name, happens := range map[string]func(w http.ResponseWriter, r *http.Request){
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"unavailable, after all": func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusBadGateway)
		},
		"slow down":               func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"hang up":                 func(w http.ResponseWriter, _ *http.Request) { breakOff(t, w, "") },
		"hang up after a part":    func(w http.ResponseWriter, r *http.Request) { io.CopyN(io.Discard, r.Body, 5000); breakOff(t, w, "") },
		"hang up after all of it": func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); breakOff(t, w, "") },
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n < 3 {
					happens(w, r)
					return
				}
				got, _ = io.ReadAll(r.Body)
			})
			var opened, closed atomic.Int32
			body := func(context.Context) (io.ReadCloser, error) {
				opened.Add(1)
				return closer{strings.NewReader(content), func() { closed.Add(1) }}, nil
			}
			if err := quick(t).Upload(t.Context(), Upload{URL: s.address("/a"), Size: int64(len(content)), Body: body}); err != nil {
				t.Fatal(err)
			}
			if string(got) != content || s.count() != 3 {
				t.Errorf("the server has %d bytes of %d after %d requests", len(got), len(content), s.count())
			}
			if opened.Load() != 3 || closed.Load() != 3 {
				t.Errorf("the body was opened %d times and closed %d times", opened.Load(), closed.Load())
			}
		})
	}
}

type closer struct {
	io.Reader
	close func()
}

func (c closer) Close() error { c.close(); return nil }

// TestUploadRefused: what another try would only repeat is tried once.
func TestUploadRefused(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusForbidden:         "the server answers 403 Forbidden (AccessDenied)",
		http.StatusNotFound:          "the server answers 404 Not Found",
		http.StatusTemporaryRedirect: "the server answers 307 Temporary Redirect",
		http.StatusNotImplemented:    "the server answers 501 Not Implemented",
	} {
		s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			io.WriteString(w, "<Error><Code>AccessDenied</Code><Resource>"+r.URL.String()+"</Resource></Error>")
		})
		err := quick(t).Upload(t.Context(), Upload{URL: s.address("/a"), Size: 4, Body: text("text")})
		checkFailure(t, err, true, want)
		checkFailure(t, err, true, "upload "+s.URL+"/a: ")
		if s.count() != 1 {
			t.Errorf("%d requests", s.count())
		}
	}
}

// TestUploadHeaders: nothing goes out that could be at odds with a signature, and the length is always said.
func TestUploadHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		upload Upload
		want   http.Header
	}{
		"plain": {Upload{Size: 4, Body: text("text")}, http.Header{"Content-Length": {"4"}, "User-Agent": {"docker-worker"}}},
		"empty": {Upload{Body: text("")}, http.Header{"Content-Length": {"0"}, "User-Agent": {"docker-worker"}}},
		"all": {Upload{Size: 4, Body: text("text"), ContentType: "text/plain", ContentEncoding: "gzip"}, http.Header{
			"Content-Length": {"4"}, "User-Agent": {"docker-worker"}, "Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
				if diff := cmp.Diff(test.want, r.Header); diff != "" || r.Method != http.MethodPut || len(r.TransferEncoding) > 0 {
					t.Errorf("%s %v %v", r.Method, r.TransferEncoding, diff)
				}
			})
			test.upload.URL = s.address("/a%2Fb") + "&x=%20+"
			if err := quick(t).Upload(t.Context(), test.upload); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUploadAnsweredEarly: a server that does not want what it is being sent says so, and is heard.
func TestUploadAnsweredEarly(t *testing.T) {
	const size = 1 << 30
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	err := quick(t).Upload(t.Context(), Upload{URL: s.address("/a"), Size: size, Body: zeros(size)})
	checkFailure(t, err, true, "the server answers 403 Forbidden")

	// One that says that it has all when it cannot is not believed.
	s = serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	err = quick(t).Upload(t.Context(), Upload{URL: s.address("/a"), Size: size, Body: zeros(size)})
	checkFailure(t, err, false, "(tried 5 times)")
}

// TestUploadStalls: a server that takes nothing more, or never answers, is given up.
func TestUploadStalls(t *testing.T) {
	for name, reads := range map[string]bool{"while it reads": false, "before it answers": true} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			s := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
				if reads {
					io.Copy(io.Discard, r.Body)
				}
				<-release
			})
			c := quick(t)
			c.Inactivity, c.Tries = 50*time.Millisecond, 2
			err := c.Upload(t.Context(), Upload{URL: s.address("/a"), Size: 32 << 20, Body: zeros(32 << 20)})
			close(release)
			checkFailure(t, err, false, "no byte has moved for 50ms (tried 2 times)")
		})
	}
}

// TestSlowButSteadyUpload: a server that goes on taking is not given up, nor is content that comes slowly.
func TestSlowButSteadyUpload(t *testing.T) {
	const size = 1500
	synctest.Test(t, func(t *testing.T) {
		c := &Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			for piece := make([]byte, 1); ; time.Sleep(59 * time.Second) {
				if _, err := r.Body.Read(piece); err == io.EOF {
					return answer(http.StatusOK, strings.NewReader("")), r.Context().Err()
				} else if err != nil {
					return nil, err
				}
			}
		})}
		for _, body := range []func(context.Context) (io.ReadCloser, error){
			zeros(size),
			func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(&steady{59 * time.Second, size}), nil
			},
		} {
			begin := time.Now()
			if err := c.Upload(t.Context(), Upload{URL: "http://host/", Size: size, Body: body}); err != nil || time.Since(begin) < 24*time.Hour {
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
		}
	})
}

// TestUploadOfAnotherSize: content that is not what was announced never arrives as a whole, and is not sent twice.
func TestUploadOfAnotherSize(t *testing.T) {
	for name, test := range map[string]struct {
		size, has int64
		want      string
	}{
		"longer":               {9, 10, "the content has more than the 9 bytes that were announced"},
		"shorter":              {11, 10, "the content has 1 bytes less than the 11 that were announced"},
		"longer than nothing":  {0, 1, "the content has more than the 0 bytes that were announced"},
		"nothing":              {1, 0, "the content has 1 bytes less than the 1 that were announced"},
		"much, and a bit more": {1 << 20, 1<<20 + 1, "the content has more than the 1048576 bytes that were announced"},
	} {
		t.Run(name, func(t *testing.T) {
			var whole atomic.Bool
			s := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err == nil {
					whole.Store(true)
				}
			})
			err := quick(t).Upload(t.Context(), Upload{URL: s.address("/a"), Size: test.size, Body: zeros(test.has)})
			if err == nil || IsPermanent(err) || IsTemporary(err) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			s.Close() // waits for the handler
			if whole.Load() || s.count() > 1 {
				t.Errorf("the server has it whole: %v, after %d requests", whole.Load(), s.count())
			}
		})
	}
}

// TestUploadOfBrokenContent: content that cannot be had is not the server's fault.
func TestUploadOfBrokenContent(t *testing.T) {
	broken := errors.New("disk on fire")
	s := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	for name, body := range map[string]func(context.Context) (io.ReadCloser, error){
		"at once": func(context.Context) (io.ReadCloser, error) { return nil, broken },
		"later": func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{broken})), nil
		},
		"at the end": func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("all of it"), failing{broken})), nil
		},
	} {
		err := quick(t).Upload(t.Context(), Upload{URL: s.address("/a"), Size: 9, Body: body})
		if !errors.Is(err, broken) || IsPermanent(err) || IsTemporary(err) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if s.count() > 2 {
		t.Errorf("%d requests", s.count())
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestConnectionIsKept: a directory of small files does not need a connection for each.
func TestConnectionIsKept(t *testing.T) {
	var from []string
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		from = append(from, r.RemoteAddr)
		io.WriteString(w, "thank you")
	})
	c := quick(t)
	for range 5 {
		if err := c.Upload(t.Context(), Upload{URL: s.address("/a"), Size: 4, Body: text("text")}); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Sort(from); len(slices.Compact(from)) != 1 {
		t.Errorf("connections from %v", from)
	}
}

// TestLittleIsSwallowed: what the kernel takes ahead of the server is too little to look like a stall when it goes out
// slowly.
func TestLittleIsSwallowed(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(int, http.ResponseWriter, *http.Request) { <-release })
	var taken atomic.Int64
	body := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(counting{&taken}), nil }
	c := quick(t)
	c.Inactivity, c.Tries = 50*time.Millisecond, 1
	err := c.Upload(t.Context(), Upload{URL: s.address("/a"), Size: 64 << 20, Body: body})
	close(release)
	checkFailure(t, err, false, "no byte has moved")
	if n := taken.Load(); n > 1<<20 {
		t.Errorf("%d bytes are on their way to a server that reads none", n)
	}
}

type counting struct{ n *atomic.Int64 }

func (c counting) Read(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }
