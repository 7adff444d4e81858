//go:build integration

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// Tasks of every outcome run on an engine that refuses everything but 1.44, as a later Docker may, and on one that
// refuses everything above 1.41; and so does a task of the queue.
func TestEnginesOfFewVersions(t *testing.T) {
	t.Parallel()
	for name, engine := range map[string]versionGate{
		"1.44 alone":         {oldest: 44, newest: 44},
		"nothing above 1.41": {oldest: 12, newest: 41},
	} {
		t.Run(name, func(t *testing.T) {
			host := engine.start(t)
			for _, test := range expectations(t) {
				r := programIn(t, []string{"DOCKER_HOST=" + host}, test.task, "run", "-")
				if r.code != test.code || r.stdout != test.stdout || !strings.Contains(r.stderr, test.stderr) {
					t.Errorf("%s: exit code %d, want %d\nstdout %q, want %q\nstderr %q, want %q in it", test.name, r.code, test.code, r.stdout, test.stdout, r.stderr, test.stderr)
				}
			}
			s := newSite(t, brokertest.URL())
			s.engine = host
			heard := s.listen(t)
			p := s.start(t)
			id := taskID(t)
			s.submit(t, shell(id, "echo through; exit 3"))
			if out := heard.outcome(t, id, 1); out.Reason != "failed" || out.ExitCode == nil || *out.ExitCode != 3 {
				t.Errorf("outcome %+v, want failed with 3", out)
			}
			p.drain(t)
			p.log.await(t, fmt.Sprintf("apiVersion=1.%d", engine.newest), p.ended)
			if left := containers(t, host, s.worker); len(left) > 0 {
				t.Errorf("containers left: %v", left)
			}
		})
	}
}

// versionGate is the machine's engine as one that accepts other versions: it says so, and refuses the rest in Docker's
// words. Whatever version is asked for, the engine behind is asked in its own.
type versionGate struct {
	oldest, newest int // minor versions of API 1
}

// start listens until the end of the test, and returns the DOCKER_HOST.
func (g versionGate) start(t *testing.T) string {
	t.Helper()
	behind := strings.TrimPrefix(dockerapi.DefaultHost, "unix://")
	if host, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		behind = host
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "docker" },
		ModifyResponse: g.pretend,
		FlushInterval:  -1, // at once
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", behind)
		}},
	}
	dir, err := os.MkdirTemp("", "e2e-gate-") // short: the path of a socket has 107 characters at most
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: g.gate(proxy)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		_ = os.RemoveAll(dir)
	})
	return "unix://" + socket
}

var versionedPath = regexp.MustCompile(`^/v1\.(\d+)(/.*)$`)

// gate lets through what is asked in an accepted version, and what asks for the version.
func (g versionGate) gate(engine http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" || r.URL.Path == "/_ping" {
			engine.ServeHTTP(w, r)
			return
		}
		found := versionedPath.FindStringSubmatch(r.URL.Path)
		if found == nil {
			http.Error(w, `{"message":"this engine wants a version"}`, http.StatusBadRequest)
			return
		}
		switch minor, _ := strconv.Atoi(found[1]); {
		case minor > g.newest:
			http.Error(w, fmt.Sprintf(`{"message":"client version 1.%d is too new. Maximum supported API version is 1.%d"}`, minor, g.newest), http.StatusBadRequest)
		case minor < g.oldest:
			http.Error(w, fmt.Sprintf(`{"message":"client version 1.%d is too old. Minimum supported API version is 1.%d, please upgrade your client to a newer version"}`, minor, g.oldest), http.StatusBadRequest)
		default:
			r.URL.Path = "/v1.41" + found[2]
			r.URL.RawPath = ""
			engine.ServeHTTP(w, r)
		}
	})
}

// pretend puts the versions into the answers that have them.
func (g versionGate) pretend(resp *http.Response) error {
	if resp.Header.Get("Api-Version") != "" {
		resp.Header.Set("Api-Version", fmt.Sprintf("1.%d", g.newest))
	}
	if resp.Request.URL.Path != "/version" {
		return nil
	}
	var version map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&version); err != nil {
		return err
	}
	_ = resp.Body.Close()
	version["ApiVersion"], version["MinAPIVersion"] = fmt.Sprintf("1.%d", g.newest), fmt.Sprintf("1.%d", g.oldest)
	body, err := json.Marshal(version)
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return err
}
