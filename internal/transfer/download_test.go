package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDownloadTriesAgain: trouble on the way leaves no trace in what was fetched.
func TestDownloadTriesAgain(t *testing.T) {
	const content = "all of it"
	trouble := map[string]func(w http.ResponseWriter, r *http.Request){
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"slow down":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"too early":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooEarly) },
		"timeout":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestTimeout) },
		"hang up":     func(w http.ResponseWriter, _ *http.Request) { breakOff(t, w, "") },
		"no HTTP":     func(w http.ResponseWriter, _ *http.Request) { breakOff(t, w, "hello\r\n\r\n") },
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			breakOff(t, w, "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nall of it and more")
		},
		"broken chunk": func(w http.ResponseWriter, _ *http.Request) {
			breakOff(t, w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nall of it and more")
		},
	}
	for name, happens := range trouble {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n < 3 {
					happens(w, r)
					return
				}
				io.WriteString(w, content)
			})
			dst := temporaryFile(t)
			got, err := quick(t).Download(t.Context(), Download{URL: s.address("/a"), SHA256: strings.ToUpper(sumOf(content)), MaxBytes: 50}, dst)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Downloaded{Bytes: 9, SHA256: sumOf(content)}, got); diff != "" {
				t.Error(diff)
			}
			if got := contentOf(t, dst); got != content || s.count() != 3 {
				t.Errorf("got %q after %d requests", got, s.count())
			}
		})
		t.Run(name+" for ever", func(t *testing.T) {
			s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { happens(w, r) })
			_, err := quick(t).Download(t.Context(), Download{URL: s.address("/a")}, temporaryFile(t))
			checkFailure(t, err, false, "(tried 5 times)")
		})
	}
}

// TestDownloadRefused: what another try would only repeat is tried once.
func TestDownloadRefused(t *testing.T) {
	for name, test := range map[string]struct {
		handler func(w http.ResponseWriter, r *http.Request)
		ask     Download
		want    string
	}{
		"not found": {want: "the server answers 404 Not Found", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }},
		"forbidden": {want: "the server answers 403 Forbidden (SignatureDoesNotMatch)", handler: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>%s</StringToSign></Error>", r.URL)
		}},
		"code that is none": {want: "the server answers 400 Bad Request", handler: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "<Code>%s</Code>", r.URL)
		}},
		"no content": {want: "the server answers 204 No Content", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
		"checksum":   {want: "its sha256 is " + sumOf("other"), ask: Download{SHA256: sumOf("this")}, handler: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "other") }},
		"too large":  {want: "it is larger than the 4 bytes that are allowed", ask: Download{MaxBytes: 4}, handler: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "12345") }},
		"too large, found out later": {want: "it is larger than the 4 bytes that are allowed", ask: Download{MaxBytes: 4}, handler: func(w http.ResponseWriter, _ *http.Request) {
			http.NewResponseController(w).Flush() // so its length is not said
			io.WriteString(w, "12345")
		}},
		"redirected to nowhere": {want: "redirects to no address", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) }},
		"redirected to rubbish": {want: "redirects to no address", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://a:b:"+secret)
			w.WriteHeader(http.StatusFound)
		}},
		"redirected to another kind": {want: "it is not an http or https address", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/"+secret)
			w.WriteHeader(http.StatusFound)
		}},
		"redirected for ever": {want: "redirects more than 5 times", handler: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { test.handler(w, r) })
			test.ask.URL = s.address("/a")
			_, err := quick(t).Download(t.Context(), test.ask, temporaryFile(t))
			checkFailure(t, err, true, "download "+s.URL+"/a: ")
			checkFailure(t, err, true, test.want)
			if want := map[bool]int{true: 6, false: 1}[name == "redirected for ever"]; s.count() != want {
				t.Errorf("%d requests", s.count())
			}
		})
	}
}

// TestRedirected follows a redirect, with nothing of the first request in the second.
func TestRedirected(t *testing.T) {
	var headers []http.Header
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		headers = append(headers, r.Header)
		if n <= maxRedirects {
			w.Header().Set("Location", fmt.Sprintf("http://%s/%d?X-Amz-Signature=another", r.Host, n))
			w.WriteHeader([]int{301, 302, 303, 307, 308}[n-1])
			return
		}
		io.WriteString(w, r.URL.String())
	})
	dst := temporaryFile(t)
	address := strings.Replace(s.address("/a"), "http://", "http://user:"+secret+"@", 1)
	if _, err := quick(t).Download(t.Context(), Download{URL: address}, dst); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, dst); got != "/5?X-Amz-Signature=another" {
		t.Errorf("got %q", got)
	}
	plain := http.Header{"User-Agent": {"docker-worker"}}
	want := []http.Header{{"User-Agent": {"docker-worker"}, "Authorization": {"Basic dXNlcjpUT1AtU0VDUkVU"}}, plain, plain, plain, plain, plain}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Error(diff)
	}
}

func TestNoWayBackFromHTTPS(t *testing.T) {
	plain := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "plain") })
	safe := httptest.NewUnstartedServer(http.RedirectHandler(plain.address("/a"), http.StatusFound))
	safe.Config.ErrorLog = log.New(io.Discard, "", 0)
	safe.StartTLS()
	defer safe.Close()
	c := quick(t)
	c.Transport = safe.Client().Transport
	_, err := c.Download(t.Context(), Download{URL: safe.URL + "?" + secret}, temporaryFile(t))
	checkFailure(t, err, true, "redirects from https to http")
	if plain.count() != 0 {
		t.Error("it was followed")
	}
	// And a certificate that nobody has signed does not get better.
	_, err = quick(t).Download(t.Context(), Download{URL: safe.URL + "?" + secret}, temporaryFile(t))
	checkFailure(t, err, true, "certificate")
}

// TestDownloadStalls: a server that gives nothing more is given up, however far it got.
func TestDownloadStalls(t *testing.T) {
	for name, first := range map[string]string{"before it answers": "", "in the middle": "half"} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				if first != "" {
					io.WriteString(w, first)
					http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
			})
			c := quick(t)
			c.Inactivity, c.Tries = 50*time.Millisecond, 2
			_, err := c.Download(t.Context(), Download{URL: s.address("/a")}, temporaryFile(t))
			checkFailure(t, err, false, "no byte has moved for 50ms (tried 2 times)")
		})
	}
}

// TestSlowButSteady: a server that goes on giving is not given up, if it takes a day.
func TestSlowButSteady(t *testing.T) {
	dst := temporaryFile(t)
	synctest.Test(t, func(t *testing.T) {
		c := &Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			time.Sleep(59 * time.Second)
			return answer(http.StatusOK, &steady{59 * time.Second, 1500}), r.Context().Err()
		})}
		begin := time.Now()
		got, err := c.Download(t.Context(), Download{URL: "http://host/"}, dst)
		if err != nil || got.Bytes != 1500 || time.Since(begin) < 24*time.Hour {
			t.Errorf("got %+v, %v after %v", got, err, time.Since(begin))
		}
	})
}

// TestPauses: the pauses grow, a server may ask for a longer one, and not for any.
func TestPauses(t *testing.T) {
	for name, test := range map[string]struct {
		retryAfter  string
		least, most time.Duration
	}{
		"as always": {"", 7500 * time.Millisecond, 22500 * time.Millisecond},
		"seconds":   {"20", 80 * time.Second, 80 * time.Second},
		"a date":    {"Sat, 01 Jan 2000 00:00:30 GMT", 30 * time.Second, 51 * time.Second},
		"too long":  {"36000", 4 * maxPause, 4 * maxPause},
		"rubbish":   {"soon", 7500 * time.Millisecond, 22500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			dst := temporaryFile(t)
			synctest.Test(t, func(t *testing.T) {
				c := &Client{Transport: transport(func(*http.Request) (*http.Response, error) {
					return answer(http.StatusServiceUnavailable, strings.NewReader(""), "Retry-After", test.retryAfter), nil
				})}
				begin := time.Now()
				_, err := c.Download(t.Context(), Download{URL: "http://host/"}, dst)
				checkFailure(t, err, false, "503 Service Unavailable (tried 5 times)")
				if took := time.Since(begin); took < test.least || took > test.most {
					t.Errorf("five tries took %v, want %v to %v", took, test.least, test.most)
				}
			})
		})
	}
}

// TestDownloadCanceled: the end of the caller's context is told as its cause, at once, also between two tries.
func TestDownloadCanceled(t *testing.T) {
	enough := errors.New("enough")
	for name, header := range map[string][]string{"while it waits": {"Retry-After", "50"}, "while it reads": nil} {
		t.Run(name, func(t *testing.T) {
			dst := temporaryFile(t)
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(enough) })
				c := &Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					if header != nil {
						return answer(http.StatusServiceUnavailable, strings.NewReader(""), header...), nil
					}
					<-r.Context().Done()
					return nil, r.Context().Err()
				})}
				begin := time.Now()
				_, err := c.Download(ctx, Download{URL: "http://host/?" + secret}, dst)
				if !errors.Is(err, enough) || IsTemporary(err) || IsPermanent(err) || strings.Contains(err.Error(), secret) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(begin); took != 10*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestDownloadDisk: a disk that cannot take it is nobody's fault on the other side.
func TestDownloadDisk(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "content") })
	dst := temporaryFile(t)
	dst.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, f := range []*os.File{dst, full} {
		_, err := quick(t).Download(t.Context(), Download{URL: s.address("/a")}, f)
		if err == nil || IsPermanent(err) || IsTemporary(err) || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v", err)
		}
	}
}
