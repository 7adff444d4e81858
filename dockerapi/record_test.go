//go:build integration && record

package dockerapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestRecord rewrites the recordings of one engine: DOCKERAPI_RECORD is the name of the directory under testdata, engine
// and API version (docker-20.10-1.41), DOCKER_HOST the engine, which must be one for tests: what is named as the
// story's things are is removed. Other things do not matter. It needs the tag "record", and Debian's docker-registry;
// dev/engines.sh record runs it.
func TestRecord(t *testing.T) {
	name := os.Getenv("DOCKERAPI_RECORD")
	if name == "" {
		t.Fatal("DOCKERAPI_RECORD does not say what to record")
	}
	host := os.Getenv("DOCKER_HOST")
	if !strings.HasPrefix(host, "unix://") || host == DefaultHost {
		t.Fatalf("DOCKER_HOST=%q is no engine of our own", host)
	}
	dir := filepath.Join("testdata", name)
	plain, err := New(Config{Host: host, APIVersion: recordedVersion(name)})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	startRegistries(t)
	cleanStory(t, plain)
	ensureImage(t, plain)
	prepareStory(t, plain)
	t.Cleanup(func() { cleanStory(t, plain) })

	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	names := machineNames(t, plain)
	for _, r := range recordings() {
		recorder := &recorder{t: t, dir: dir, name: r.name, next: plain.http.Transport,
			scrubber: newScrubber(strings.HasPrefix(r.name, "ContainerStats") || r.name == "SystemDataUsage", names...)}
		c, err := New(Config{Host: host, APIVersion: recordedVersion(name), Transport: recorder})
		if err != nil {
			t.Fatal(err)
		}
		result, err := r.call(t.Context(), c, func() { meanwhile(t, plain, r.name) })
		recorder.save()
		if got, want := outcome(err), r.expected(dir); got != want {
			t.Errorf("%s: outcome %q, want %q: %v", r.name, got, want, err)
		}
		if err == nil && r.check != nil {
			r.check(t, result)
		}
	}
}

// machineNames are what the machine says about itself, and what is written instead.
func machineNames(t *testing.T, c *Client) []string {
	t.Helper()
	info, err := c.SystemInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		filepath.Dir(info.DockerRootDir), "/var/lib/engine",
		`"` + info.Name + `"`, `"host"`,
		info.KernelVersion, "6.1.0",
	}
}

// recorder notes what goes to an engine and what comes back.
type recorder struct {
	t         *testing.T
	dir, name string
	next      http.RoundTripper
	scrubber  *scrubber

	mu        sync.Mutex
	exchanges []*exchange
}

type exchange struct {
	request []byte
	resp    *http.Response
	body    bytes.Buffer // as far as the client read
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	e := &exchange{request: formatRequest(r.t, req)}
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	copied := *resp
	e.resp = &copied
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(resp.Body, &e.body), resp.Body}
	r.mu.Lock()
	r.exchanges = append(r.exchanges, e)
	r.mu.Unlock()
	return resp, nil
}

// save writes the files. An exchange that ended in a stream that the client left is written as far as it was read.
func (r *recorder) save() {
	for n, e := range r.exchanges {
		requestFile, responseFile := exchangeFiles(r.dir, r.name, n)
		if err := os.WriteFile(requestFile, r.scrubber.scrubKnown(e.request), 0o644); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(responseFile, r.formatResponse(e), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

// formatResponse writes HTTP/1.1 as it was received, but for what is scrubbed.
func (r *recorder) formatResponse(e *exchange) []byte {
	resp := *e.resp
	body := e.body.Bytes()
	if !isBinary(body) {
		body = r.scrubber.scrub(body)
	}
	// What comes over an upgraded connection is no body, and stands behind the head as it is.
	switched := resp.StatusCode == http.StatusSwitchingProtocols
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if switched {
		resp.Body = nil
	} else if resp.ContentLength >= 0 && resp.Request.Method != http.MethodHead {
		resp.ContentLength = int64(len(body))
	}
	resp.Header = resp.Header.Clone()
	if resp.Header.Get("Date") != "" {
		resp.Header.Set("Date", "Tue, 02 Jan 2024 03:04:05 GMT")
	}
	for _, values := range resp.Header {
		for i := range values {
			values[i] = string(r.scrubber.scrubText([]byte(values[i])))
		}
	}
	var out bytes.Buffer
	if err := resp.Write(&out); err != nil {
		r.t.Fatalf("%s: write the response: %v", r.name, err)
	}
	if switched {
		out.Write(body)
	}
	return out.Bytes()
}

// isBinary tells frames and tars from text.
func isBinary(body []byte) bool { return bytes.IndexByte(body, 0) >= 0 }

type storyContainer struct {
	name   string
	config ContainerConfig
}

// storyContainers are those that the story does not make itself.
func storyContainers() []storyContainer {
	noLog := recordedConfig("true")
	noLog.HostConfig.LogConfig.Type = "none"
	noCommand, notExecutable, noUser, prune := recordedConfig("true"), recordedConfig("true"), recordedConfig("true"), recordedConfig("true")
	noCommand.Cmd = []string{"no-such-command"}
	notExecutable.Cmd = []string{"/tmp"}
	noUser.User = "nobody-of-that-name"
	prune.Labels = map[string]string{"dockerapi.test": "prune"}
	member := recordedConfig("sleep 600")
	member.HostConfig.NetworkMode = "rec-net"
	return []storyContainer{
		// Engines do not keep the order of two streams, unless there is time between.
		{"rec-main", recordedConfig("echo out; sleep 1; echo err >&2; exit 3")}, {"rec-waited", recordedConfig("exit 4")},
		{"rec-started", recordedConfig("sleep 600")}, {"rec-stopped", recordedConfig("sleep 600")}, {"rec-running", recordedConfig("sleep 600")},
		{"rec-nolog", noLog}, {"rec-nocommand", noCommand}, {"rec-notexec", notExecutable}, {"rec-nouser", noUser}, {"rec-prune", prune}, {"rec-member", member},
	}
}

// prepareStory makes what the story finds.
func prepareStory(t *testing.T, c *Client) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.NetworkCreate(ctx, NetworkConfig{Name: "rec-net", Labels: recordedLabels, IPAM: IPAM{Config: []IPAMConfig{{Subnet: "172.30.28.0/24"}}}})
	must(err)
	_, err = c.NetworkCreate(ctx, NetworkConfig{Name: "rec-prune", Labels: map[string]string{"dockerapi.test": "prune"}, IPAM: IPAM{Config: []IPAMConfig{{Subnet: "172.30.30.0/24"}}}})
	must(err)
	for _, container := range storyContainers() {
		_, err := c.ContainerCreate(ctx, container.name, container.config)
		must(err)
	}
	for _, name := range []string{"rec-stopped", "rec-running", "rec-member", "rec-nolog", "rec-prune"} {
		must(c.ContainerStart(ctx, name))
	}
	for _, name := range []string{"rec-nolog", "rec-prune"} {
		_, err := waitStopped(ctx, c, name)
		must(err)
	}
}

func waitStopped(ctx context.Context, c *Client, id string) (ExitStatus, error) {
	wait, err := c.ContainerWait(ctx, id, WaitNotRunning)
	if err != nil {
		return ExitStatus{}, err
	}
	return wait.Result()
}

// meanwhile makes happen what a stream is to show.
func meanwhile(t *testing.T, c *Client, name string) {
	t.Helper()
	var err error
	switch name {
	case "ContainerAttach":
		err = c.ContainerStart(t.Context(), "rec-main")
	case "ContainerWait":
		err = c.ContainerStart(t.Context(), "rec-waited")
	case "SystemEvents":
		_, err = c.ContainerCreate(t.Context(), "rec-event", recordedConfig("true"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if name == "ContainerAttach" {
		if _, err := waitStopped(t.Context(), c, "rec-main"); err != nil {
			t.Fatal(err)
		}
	}
}

// cleanStory removes what a story left.
func cleanStory(t *testing.T, c *Client) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	list, err := c.ContainerList(ctx, ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, container := range list {
		if !slices.ContainsFunc(container.Names, ofStory) {
			continue
		}
		if err := c.ContainerRemove(ctx, container.ID, RemoveOptions{Force: true, Volumes: true}); err != nil {
			t.Error(err)
		}
	}
	for _, network := range []string{"rec-net", "rec-network", "rec-prune"} {
		if err := c.NetworkRemove(ctx, network); err != nil {
			t.Error(err)
		}
	}
	for _, volume := range []string{"rec-volume", "rec-full"} {
		if err := c.VolumeRemove(ctx, volume, true); err != nil {
			t.Error(err)
		}
	}
	for _, image := range []string{smallImage, recordedRegistry + "/open:1"} {
		if _, err := c.ImageRemove(ctx, image, ImageRemoveOptions{Force: true}); err != nil {
			t.Error(fmt.Errorf("clean: %w", err))
		}
	}
}
