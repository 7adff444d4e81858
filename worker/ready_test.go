package worker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// listen takes connections on loopback, each in the hands of serve, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	return ln.Addr().(*net.TCPAddr).Port
}

func TestProbeTCP(t *testing.T) {
	var kept []net.Conn
	t.Cleanup(func() {
		for _, conn := range kept {
			conn.Close()
		}
	})
	gone := listen(t, func(conn net.Conn) { conn.Close() })
	for name, test := range map[string]struct {
		port           int
		reached, ready bool
	}{
		"waits for us to speak": {listen(t, func(conn net.Conn) { kept = append(kept, conn) }), true, true},
		"speaks first":          {listen(t, func(conn net.Conn) { _, _ = conn.Write([]byte("220 hello\r\n")); conn.Close() }), true, true},
		"closes at once":        {gone, true, false},
		"nobody listens":        {closedPort(t), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			reached, err := probeReady(t.Context(), "db", "127.0.0.1", task.Ready{TCP: test.port})
			if reached != test.reached || (err == nil) != test.ready {
				t.Errorf("reached %v, %v; want %v, ready %v", reached, err, test.reached, test.ready)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if reached, err := probeReady(ctx, "db", "192.0.2.254", task.Ready{TCP: 1}); reached || err == nil {
		t.Errorf("an address that nobody has: reached %v, %v", reached, err)
	}
}

// closedPort is one where nobody listens.
func closedPort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func TestProbeHTTP(t *testing.T) {
	var host string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		code, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Location", "http://192.0.2.254/")
		w.WriteHeader(max(code, 200))
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HTTP_PROXY", "http://192.0.2.254:1")
	port, _ := strconv.Atoi(u.Port())
	for path, good := range map[string]bool{"": true, "/204": true, "/302": true, "/399?x=1": true, "/404": false, "/503": false} {
		reached, err := probeReady(t.Context(), "db", u.Hostname(), task.Ready{HTTP: &task.HTTPReady{Port: port, Path: path}})
		if !reached || (err == nil) != good {
			t.Errorf("%s: reached %v, %v; want ready %v", path, reached, err, good)
		}
	}
	if want := "db:" + u.Port(); host != want {
		t.Errorf("the service is addressed as %s, want %s", host, want)
	}
	if reached, err := probeReady(t.Context(), "db", "127.0.0.1", task.Ready{HTTP: &task.HTTPReady{Port: closedPort(t)}}); !reached || err == nil {
		t.Errorf("nobody listens: reached %v, %v", reached, err)
	}
}

// A service is asked until it is ready, for as long as its task says; where nobody ever answered, that is no fault of the
// task.
func TestAwaitReady(t *testing.T) {
	refusal := errors.New("connection refused")
	canceled := errors.New("cause of the test")
	for name, test := range map[string]struct {
		ready  task.Ready
		probe  func(nth int) (bool, error)
		cancel time.Duration
		took   time.Duration // about
		reason Reason        // "" is ready
		err    error
	}{
		"at once":          {ready: task.Ready{TCP: 1}, probe: func(int) (bool, error) { return true, nil }},
		"at the third try": {ready: task.Ready{TCP: 1}, probe: func(n int) (bool, error) { return true, unless(n >= 3, refusal) }, took: 300 * time.Millisecond},
		"never":            {ready: task.Ready{TCP: 1, Timeout: 30}, probe: func(int) (bool, error) { return true, refusal }, took: 30 * time.Second, reason: Failed, err: refusal},
		"never, and the default": {ready: task.Ready{HTTP: &task.HTTPReady{Port: 1}}, probe: func(int) (bool, error) { return true, refusal },
			took: time.Minute, reason: Failed, err: refusal},
		"nobody answers": {ready: task.Ready{TCP: 1}, probe: func(int) (bool, error) { return false, refusal }, took: time.Minute, reason: ResourceUnavailable, err: refusal},
		"canceled":       {ready: task.Ready{TCP: 1}, probe: func(int) (bool, error) { return true, refusal }, cancel: 5 * time.Second, took: 5 * time.Second, err: canceled, reason: "other"},
		"by its health":  {ready: task.Ready{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := newFakeEngine()
				c := newFakeContainer(engine, "c", dockerapi.ContainerConfig{HostConfig: dockerapi.HostConfig{NetworkMode: "n"}})
				c.state.Running = true
				engine.containers["c"] = c
				asked := 0
				stage := &servicesStage{engine: engine, probe: func(_ context.Context, name, address string, _ task.Ready) (bool, error) {
					if asked++; name != "db" || address != "198.51.100.2" {
						t.Errorf("asked %s at %s", name, address)
					}
					return test.probe(asked)
				}}
				s := &service{servicesStage: stage, name: "db", id: c.id, network: "n", spec: task.Service{Ready: &test.ready}, logger: slog.New(slog.DiscardHandler)}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if test.cancel > 0 {
					defer time.AfterFunc(test.cancel, func() { cancel(canceled) }).Stop()
				}
				begun := time.Now()
				err := s.await(ctx)
				if took := time.Since(begun); took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
				if !errors.Is(err, test.err) || (err == nil) != (test.reason == "") {
					t.Errorf("error: %v, want %v", err, test.err)
				}
				if taskErr, ok := errors.AsType[*TaskError](err); ok && taskErr.Reason != test.reason {
					t.Errorf("reason %s, want %s", taskErr.Reason, test.reason)
				}
			})
		})
	}
}

func unless(ready bool, err error) error {
	if ready {
		return nil
	}
	return err
}

// An engine on another host cannot be asked that way: an address of its network may be somebody else's here.
func TestAwaitElsewhere(t *testing.T) {
	for host, want := range map[string]bool{"tcp://192.0.2.7:2376": true, "tcp://127.0.0.1:2375": false, "tcp://localhost:2375": false, "unix:///var/run/docker.sock": false} {
		if got := elsewhere(host); got != want {
			t.Errorf("%s: %v, want %v", host, got, want)
		}
	}
}
