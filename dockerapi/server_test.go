package dockerapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve is an engine on a unix socket that does what handler does: for what a replaced transport cannot show.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	c, err := New(Config{Host: "unix://" + socket, APIVersion: "1.41"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		server.CloseClientConnections()
		server.Close()
	})
	return c
}

// hijack takes the connection of a request over and answers with a head.
func hijack(t *testing.T, w http.ResponseWriter, head string) (net.Conn, *bufio.ReadWriter) {
	t.Helper()
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	fmt.Fprintf(rw, "%s\r\n\r\n", head)
	if err := rw.Flush(); err != nil {
		t.Error(err)
	}
	return conn, rw
}

// Input and output go both ways over an upgraded connection, and the end of the input leaves the output alone.
func TestAttachUpgrade(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "tcp" || r.Header.Get("Connection") != "Upgrade" || r.Host != "docker" {
			t.Errorf("head: %v, host %s", r.Header, r.Host)
		}
		conn, rw := hijack(t, w, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp")
		defer conn.Close()
		in, err := io.ReadAll(rw) // to the half-close
		if err != nil {
			t.Error(err)
		}
		_, _ = conn.Write(frame(Stdout, string(in)))
	})
	a, err := c.ContainerAttach(t.Context(), "x", AttachOptions{Stdin: true, Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(a, "input"); err != nil {
		t.Fatal(err)
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	texts, err := framesOf(a)
	if err != nil || texts[Stdout] != "input" {
		t.Errorf("%q, %v", texts, err)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := a.Write([]byte("x")); !IsUnavailable(err) {
		t.Errorf("write after close: %v", err)
	}
	if err := a.CloseWrite(); err == nil {
		t.Error("half-close after close")
	}
}

// An attachment without stdin is content with a plain answer, and refuses to be written to.
func TestAttachPlain(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _ := hijack(t, w, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream")
		_, _ = conn.Write(frame(Stderr, "whole"))
		_, _ = conn.Write(frame(Stdout, "cut off")[:10])
		_ = conn.Close()
	})
	a, err := c.ContainerAttach(t.Context(), "x", AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Write([]byte("x")); !errors.Is(err, errNoStdin) {
		t.Errorf("write: %v", err)
	}
	if err := a.CloseWrite(); !errors.Is(err, errNoStdin) {
		t.Errorf("half-close: %v", err)
	}
	if texts, err := framesOf(a); err != io.ErrUnexpectedEOF || texts[Stderr] != "whole" {
		t.Errorf("%q, %v: want the whole frame and an unexpected EOF", texts, err)
	}
}

// An upgraded attachment without stdin refuses to be written to as well, and its end is as clean as the engine's.
func TestAttachUpgradedToRead(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _ := hijack(t, w, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp")
		_, _ = conn.Write(frame(Stdout, "whole"))
		_ = conn.Close()
	})
	a, err := c.ContainerAttach(t.Context(), "x", AttachOptions{Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Write([]byte("x")); !errors.Is(err, errNoStdin) {
		t.Errorf("write: %v", err)
	}
	if texts, err := framesOf(a); err != nil || texts[Stdout] != "whole" {
		t.Errorf("%q, %v", texts, err)
	}
}

// An engine that answers an upgrade with a plain 200 is an error, not a stream that cannot be written to.
func TestAttachNotUpgraded(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := c.ContainerAttach(t.Context(), "x", AttachOptions{Stdin: true}); err == nil {
		t.Error("no error")
	}
}

// Cancelling unblocks each kind of stream, with the cause.
func TestCancelUnblocks(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			conn, rw := hijack(t, w, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp")
			defer conn.Close()
			_, _ = io.Copy(io.Discard, rw) // until the client leaves
			return
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	for name, open := range map[string]func(context.Context) (read func() error){
		"attach, not upgraded": func(ctx context.Context) func() error {
			a, err := plain.ContainerAttach(ctx, "x", AttachOptions{Stdout: true})
			return readOne(t, a, err)
		},
		"attach": func(ctx context.Context) func() error {
			a, err := c.ContainerAttach(ctx, "x", AttachOptions{Stdout: true})
			return readOne(t, a, err)
		},
		"attach with stdin": func(ctx context.Context) func() error {
			a, err := c.ContainerAttach(ctx, "x", AttachOptions{Stdin: true})
			return readOne(t, a, err)
		},
		"logs": func(ctx context.Context) func() error {
			a, err := c.ContainerLogs(ctx, "x", LogsOptions{Follow: true})
			return readOne(t, a, err)
		},
		"wait": func(ctx context.Context) func() error {
			wait, err := c.ContainerWait(ctx, "x", WaitNextExit)
			if err != nil {
				t.Fatal(err)
			}
			return func() error { return second(wait.Result()) }
		},
		"events": func(ctx context.Context) func() error {
			events, err := c.SystemEvents(ctx, EventsOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return func() error { return second(events.Next()) }
		},
		"pull": func(ctx context.Context) func() error {
			return func() error { return c.ImagePull(ctx, "x", PullOptions{}) }
		},
		"inspect": func(ctx context.Context) func() error {
			return func() error { return second(c.ContainerInspect(ctx, "x")) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			read := open(ctx)
			result := make(chan error, 1)
			go func() { result <- read() }()
			reason := errors.New("reason")
			cancel(reason)
			if err := <-result; !errors.Is(err, reason) || IsTemporary(err) {
				t.Errorf("%v, want the reason", err)
			}
		})
	}
}

func readOne(t *testing.T, r io.Reader, err error) func() error {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return func() error { return second(r.Read(make([]byte, 1))) }
}

// A wait returns when the headers are there, long before the container exits, and its end without a result is unknown.
func TestWait(t *testing.T) {
	exit := make(chan string)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		body := <-exit
		if body == "" {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, body)
	})
	for body, want := range map[string]ExitStatus{
		`{"StatusCode":7,"Error":null}`:                             {StatusCode: 7},
		`{"StatusCode":0}`:                                          {},
		`{"StatusCode":125,"Error":{"Message":"could not remove"}}`: {StatusCode: 125, Error: "could not remove"},
	} {
		wait, err := c.ContainerWait(t.Context(), "x", WaitNextExit)
		if err != nil {
			t.Fatal(err)
		}
		exit <- body
		for range 2 {
			if got, err := wait.Result(); err != nil || got != want {
				t.Errorf("%s: %+v, %v", body, got, err)
			}
		}
		_ = wait.Close()
	}
	for _, body := range []string{"", " ", `{"StatusCode":`, `{}`, `{"Error":{"Message":"x"}}`, "nonsense"} {
		wait, err := c.ContainerWait(t.Context(), "x", WaitNextExit)
		if err != nil {
			t.Fatal(err)
		}
		exit <- body
		if _, err := wait.Result(); !errors.Is(err, ErrUnknownExit) {
			t.Errorf("%q: %v, want an unknown exit", body, err)
		}
	}
	wait, err := c.ContainerWait(t.Context(), "x", WaitNextExit)
	if err != nil {
		t.Fatal(err)
	}
	if err := wait.Close(); err != nil {
		t.Error(err)
	}
	if _, err := wait.Result(); !errors.Is(err, ErrUnknownExit) {
		t.Errorf("after close: %v", err)
	}
	close(exit)
}

// A pull that falls silent ends; one that is slow but alive does not.
func TestPullInactivity(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("fromImage") == "alive" {
			for range 5 {
				fmt.Fprintln(w, `{"status":"Downloading","id":"layer","progressDetail":{"current":1,"total":2}}`)
				w.(http.Flusher).Flush()
			}
			return
		}
		<-r.Context().Done()
	})
	err := c.ImagePull(t.Context(), "silent", PullOptions{Inactivity: 10 * time.Millisecond})
	if !errors.Is(err, ErrInactive) || !IsTemporary(err) || !IsRetryable(err) {
		t.Errorf("silent: %v", err)
	}
	var progress []PullProgress
	err = c.ImagePull(t.Context(), "alive", PullOptions{Progress: func(p PullProgress) { progress = append(progress, p) }})
	if err != nil || len(progress) != 5 || progress[0] != (PullProgress{ID: "layer", Status: "Downloading", Current: 1, Total: 2}) {
		t.Errorf("alive: %+v, %v", progress, err)
	}
}

// A stream of a pull that breaks off is no success.
func TestPullBreaksOff(t *testing.T) {
	for body, want := range map[string]func(error) bool{
		`{"status":"Pulling"}{"status":`:                  IsUnavailable,
		`{"status":"Pulling"} nonsense`:                   func(err error) bool { return err != nil && !IsUnavailable(err) },
		`{"errorDetail":{}}`:                              IsTemporary,
		`{"error":"manifest unknown"}`:                    IsNotFound,
		`{"errorDetail":{"message":"denied: no"}}`:        IsDenied,
		`{"status":"` + strings.Repeat("x", 2<<20) + `"}`: func(err error) bool { return errors.Is(err, errLongMessage) },
	} {
		c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) { return respond(req, http.StatusOK, body), nil }))
		if err := c.ImagePull(t.Context(), "x", PullOptions{}); !want(err) {
			t.Errorf("%.60q: %v", body, err)
		}
	}
}

// A removal that somebody else has begun is waited for; one that is refused for another reason is not.
func TestRemoveInProgress(t *testing.T) {
	asked := 0
	c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		switch asked++; {
		case asked == 6:
			return respond(req, http.StatusNotFound, ""), nil
		case req.Method == http.MethodDelete:
			return respond(req, http.StatusConflict, `{"message":"removal of container x is already in progress"}`), nil
		}
		return respond(req, http.StatusOK, `{"State":{"Status":"removing"}}`), nil
	}))
	if err := c.ContainerRemove(t.Context(), "x", RemoveOptions{Force: true}); err != nil || asked != 6 {
		t.Errorf("%v after %d requests", err, asked)
	}
	for state, want := range map[string]int{`{"Status":"running","Running":true}`: 2, `{"Status":"dead","Dead":true}`: 8} {
		asked = 0
		c = newest(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			asked++
			if req.Method == http.MethodDelete {
				return respond(req, http.StatusConflict, `{"message":"no"}`), nil
			}
			return respond(req, http.StatusOK, `{"State":`+state+`}`), nil
		}))
		if err := c.ContainerRemove(t.Context(), "x", RemoveOptions{}); !IsConflict(err) || asked != want {
			t.Errorf("%s: %v after %d requests, want %d", state, err, asked, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	c = newest(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodDelete {
			return respond(req, http.StatusConflict, `{"message":"no"}`), nil
		}
		cancel()
		return respond(req, http.StatusOK, `{"State":{"Status":"removing"}}`), nil
	}))
	if err := c.ContainerRemove(ctx, "x", RemoveOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// After a restart of the engine, a connection that was kept is dead: what may be sent twice is.
func TestStaleConnection(t *testing.T) {
	first := make(chan net.Conn, 1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/start") {
			conn, rw := hijack(t, w, "HTTP/1.1 204 No Content")
			_ = rw.Flush()
			first <- conn
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	if err := c.ContainerStart(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	_ = (<-first).Close()
	if err := c.ContainerStop(t.Context(), "x", StopOptions{}); err != nil {
		t.Errorf("stop over a dead connection: %v", err)
	}
}
