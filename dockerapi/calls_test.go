package dockerapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// call is any call of the client about the thing with an id, for what all of them have in common.
type call struct {
	id   bool // it takes an id, and an empty one is refused
	gone bool // a thing that does not exist is success
	same bool // 304 is success
	do   func(ctx context.Context, c *Client, id string) error
}

func calls() map[string]call {
	tar := func() io.Reader { return strings.NewReader("x") }
	return map[string]call{
		"SystemPing":    {do: func(ctx context.Context, c *Client, _ string) error { return second(c.SystemPing(ctx)) }},
		"SystemVersion": {do: func(ctx context.Context, c *Client, _ string) error { return second(c.SystemVersion(ctx)) }},
		"SystemInfo":    {do: func(ctx context.Context, c *Client, _ string) error { return second(c.SystemInfo(ctx)) }},
		"SystemDataUsage": {do: func(ctx context.Context, c *Client, _ string) error {
			return second(c.SystemDataUsage(ctx, DiskUsageOptions{Types: []string{"image"}}))
		}},
		"SystemEvents": {do: func(ctx context.Context, c *Client, _ string) error {
			return second(c.SystemEvents(ctx, EventsOptions{}))
		}},
		"ContainerList": {do: func(ctx context.Context, c *Client, _ string) error {
			return second(c.ContainerList(ctx, ListOptions{}))
		}},
		"ContainerCreate": {do: func(ctx context.Context, c *Client, _ string) error {
			return second(c.ContainerCreate(ctx, "", ContainerConfig{}))
		}},
		"ContainerInspect": {id: true, do: func(ctx context.Context, c *Client, id string) error { return second(c.ContainerInspect(ctx, id)) }},
		"ContainerAttach": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return second(c.ContainerAttach(ctx, id, AttachOptions{}))
		}},
		"ContainerAttach-stdin": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return second(c.ContainerAttach(ctx, id, AttachOptions{Stdin: true}))
		}},
		"ContainerWait": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return second(c.ContainerWait(ctx, id, WaitNextExit))
		}},
		"ContainerStart": {id: true, same: true, do: func(ctx context.Context, c *Client, id string) error { return c.ContainerStart(ctx, id) }},
		"ContainerStop": {id: true, same: true, do: func(ctx context.Context, c *Client, id string) error {
			return c.ContainerStop(ctx, id, StopOptions{Signal: "SIGINT", Timeout: -1})
		}},
		"ContainerKill": {id: true, do: func(ctx context.Context, c *Client, id string) error { return c.ContainerKill(ctx, id, "SIGINT") }},
		"ContainerDelete": {id: true, gone: true, do: func(ctx context.Context, c *Client, id string) error {
			return c.ContainerRemove(ctx, id, RemoveOptions{})
		}},
		"ContainerLogs": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return second(c.ContainerLogs(ctx, id, LogsOptions{}))
		}},
		"ContainerStats": {id: true, do: func(ctx context.Context, c *Client, id string) error { return second(c.ContainerStats(ctx, id)) }},
		"ContainerArchiveInfo": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return second(c.ContainerArchiveInfo(ctx, id, "/x"))
		}},
		"ContainerArchive": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			_, _, err := c.ContainerArchive(ctx, id, "/x")
			return err
		}},
		"PutContainerArchive": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return c.PutContainerArchive(ctx, id, "/x", tar(), PutArchiveOptions{})
		}},
		"ContainerPrune": {do: func(ctx context.Context, c *Client, _ string) error { return second(c.ContainerPrune(ctx, nil)) }},
		"ContainerExec": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return second(c.ContainerExec(ctx, id, ExecConfig{}))
		}},
		"ExecStart":    {id: true, do: func(ctx context.Context, c *Client, id string) error { return second(c.ExecStart(ctx, id, false)) }},
		"ExecInspect":  {id: true, do: func(ctx context.Context, c *Client, id string) error { return second(c.ExecInspect(ctx, id)) }},
		"ImageInspect": {id: true, do: func(ctx context.Context, c *Client, id string) error { return second(c.ImageInspect(ctx, id)) }},
		"ImageList": {do: func(ctx context.Context, c *Client, _ string) error {
			return second(c.ImageList(ctx, ImageListOptions{}))
		}},
		"ImageLoad": {do: func(ctx context.Context, c *Client, _ string) error {
			return second(c.ImageLoad(ctx, tar(), LoadOptions{}))
		}},
		"ImageCreate": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return c.ImagePull(ctx, id, PullOptions{Platform: "linux/amd64"})
		}},
		"ImageDelete": {id: true, gone: true, do: func(ctx context.Context, c *Client, id string) error {
			return second(c.ImageRemove(ctx, id, ImageRemoveOptions{}))
		}},
		"ImagePrune": {do: func(ctx context.Context, c *Client, _ string) error { return second(c.ImagePrune(ctx, nil)) }},
		"NetworkCreate": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return second(c.NetworkCreate(ctx, NetworkConfig{Name: id}))
		}},
		"NetworkInspect": {id: true, do: func(ctx context.Context, c *Client, id string) error { return second(c.NetworkInspect(ctx, id)) }},
		"NetworkList":    {do: func(ctx context.Context, c *Client, _ string) error { return second(c.NetworkList(ctx, nil)) }},
		"NetworkConnect": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return c.NetworkConnect(ctx, "net", id, EndpointConfig{})
		}},
		"NetworkDisconnect": {id: true, do: func(ctx context.Context, c *Client, id string) error {
			return c.NetworkDisconnect(ctx, "net", id, true)
		}},
		"NetworkDelete": {id: true, gone: true, do: func(ctx context.Context, c *Client, id string) error { return c.NetworkRemove(ctx, id) }},
		"NetworkPrune":  {do: func(ctx context.Context, c *Client, _ string) error { return second(c.NetworkPrune(ctx, nil)) }},
		"VolumeCreate": {do: func(ctx context.Context, c *Client, id string) error {
			return second(c.VolumeCreate(ctx, VolumeConfig{Name: id}))
		}},
		"VolumeInspect": {id: true, do: func(ctx context.Context, c *Client, id string) error { return second(c.VolumeInspect(ctx, id)) }},
		"VolumeList":    {do: func(ctx context.Context, c *Client, _ string) error { return second(c.VolumeList(ctx, nil)) }},
		"VolumeDelete":  {id: true, gone: true, do: func(ctx context.Context, c *Client, id string) error { return c.VolumeRemove(ctx, id, true) }},
		"VolumePrune":   {do: func(ctx context.Context, c *Client, _ string) error { return second(c.VolumePrune(ctx, nil)) }},
	}
}

// opOf is the operationId in a key of calls.
func opOf(name string) string {
	op, _, _ := strings.Cut(name, "-")
	return op
}

// newest speaks a version that has everything.
func newest(t *testing.T, transport http.RoundTripper) *Client {
	t.Helper()
	c, err := New(Config{APIVersion: "1.44", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each call makes a typed error of each status, and of an engine that is not there.
func TestEveryCallReportsErrors(t *testing.T) {
	for name, call := range calls() {
		for status, want := range map[int]func(error) bool{
			http.StatusNotFound:            IsNotFound,
			http.StatusForbidden:           IsDenied,
			http.StatusBadRequest:          IsInvalid,
			http.StatusInternalServerError: IsTemporary,
			http.StatusServiceUnavailable:  IsUnavailable,
			http.StatusFound:               func(err error) bool { return err != nil },
		} {
			c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				return respond(req, status, `{"message":"what the engine says"}`), nil
			}))
			err := call.do(t.Context(), c, "some-id")
			if call.gone && status == http.StatusNotFound {
				if err != nil {
					t.Errorf("%s of what is not there: %v", name, err)
				}
				continue
			}
			e, ok := errors.AsType[*Error](err)
			if !ok || !want(err) || e.StatusCode != status || e.Op != opOf(name) || !strings.Contains(err.Error(), "what the engine says") {
				t.Errorf("%s, status %d: %v (%#v)", name, status, err, e)
			}
		}
		broken := errors.New("no engine")
		c := newest(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, broken }))
		if err := call.do(t.Context(), c, "some-id"); !IsUnavailable(err) || !IsTemporary(err) || !errors.Is(err, broken) {
			t.Errorf("%s without an engine: %v", name, err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("reason")
		cancel(reason)
		c = newest(t, roundTrip(func(req *http.Request) (*http.Response, error) { return nil, req.Context().Err() }))
		if err := call.do(ctx, c, "some-id"); !errors.Is(err, reason) || !errors.Is(err, context.Canceled) || IsTemporary(err) || IsRetryable(err) {
			t.Errorf("%s after a cancel: %v", name, err)
		}
	}
}

// An empty id is another endpoint for the engine: it must not go out, nor must one that leaves its place in the path.
func TestEveryCallRefusesBadIDs(t *testing.T) {
	for name, call := range calls() {
		if !call.id {
			continue
		}
		c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			t.Errorf("%s sent %s %s", name, req.Method, req.URL)
			return nil, errors.New("sent")
		}))
		if err := call.do(t.Context(), c, ""); !errors.Is(err, ErrEmptyID) || !IsInvalid(err) {
			t.Errorf("%s of nothing: %v", name, err)
		}
		if name == "NetworkCreate" || name == "NetworkConnect" || name == "NetworkDisconnect" {
			continue // these travel in the body
		}
		if err := call.do(t.Context(), c, "../x"); !IsInvalid(err) {
			t.Errorf("%s of ../x: %v", name, err)
		}
	}
	c := newest(t, &fakeEngine{})
	for _, err := range []error{
		second(c.ContainerArchiveInfo(t.Context(), "x", "")),
		c.NetworkConnect(t.Context(), "", "x", EndpointConfig{}), c.NetworkDisconnect(t.Context(), "", "x", false),
	} {
		if !errors.Is(err, ErrEmptyID) {
			t.Errorf("%v, want ErrEmptyID", err)
		}
	}
}

// An answer that is no JSON, or that breaks off, is an error of its own, and never an empty result.
func TestEveryCallDistrustsAnswers(t *testing.T) {
	plain := map[string]bool{ // these read no JSON, or, like the last ones, later
		"SystemPing": true, "ContainerStart": true, "ContainerStop": true, "ContainerKill": true, "ContainerDelete": true, "PutContainerArchive": true,
		"NetworkConnect": true, "NetworkDisconnect": true, "NetworkDelete": true, "VolumeDelete": true,
		"ContainerAttach": true, "ContainerLogs": true, "ContainerWait": true, "SystemEvents": true,
	}
	for name, call := range calls() {
		if plain[name] {
			continue
		}
		for body, unavailable := range map[string]bool{"not JSON": false, `{"Id":`: true} {
			c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) { return respond(req, http.StatusOK, body), nil }))
			err := call.do(t.Context(), c, "some-id")
			if err == nil {
				t.Errorf("%s believes %q", name, body)
			}
			if unavailable && name != "ContainerArchiveInfo" && name != "ContainerArchive" && opOf(name) != "ContainerAttach" && name != "ExecStart" && !IsUnavailable(err) {
				t.Errorf("%s, an answer that breaks off: %v", name, err)
			}
		}
	}
}

// What is already so is success.
func TestNotModified(t *testing.T) {
	for name, call := range calls() {
		c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) { return respond(req, http.StatusNotModified, ""), nil }))
		err := call.do(t.Context(), c, "some-id")
		if call.same && err != nil || !call.same && !IsNotModified(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Retrying is for calls that may be made twice.
func TestRetryable(t *testing.T) {
	never := map[string]bool{
		"ContainerCreate": true, "ContainerStart": true, "ContainerKill": true, "ContainerExec": true, "ExecStart": true, "ContainerAttach-stdin": true,
		"NetworkCreate": true, "NetworkConnect": true, "NetworkDisconnect": true, "PutContainerArchive": true, "ImageLoad": true,
	}
	got := map[string]bool{}
	for name, call := range calls() {
		c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) { return nil, io.EOF }))
		if !IsRetryable(call.do(t.Context(), c, "some-id")) {
			got[name] = true
		}
	}
	if diff := cmp.Diff(never, got); diff != "" {
		t.Error(diff)
	}
}
