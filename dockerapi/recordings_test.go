package dockerapi

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
)

// A recording is one call of the client and what an engine answered. All of them are one story, told to each engine by
// the recorder and to the client by the replay: what a step needs was made by the steps before it, or by its
// preparation, which only the recorder runs.
type recording struct {
	name string

	// call is what is recorded. meanwhile is for streams: in the recorder, it makes happen what is to be read.
	call func(ctx context.Context, c *Client, meanwhile func()) (any, error)

	want   string                         // the outcome, in the words of outcome; "" is "ok"
	podman string                         // the outcome with podman, where it is another
	check  func(t *testing.T, result any) // of a call that succeeded
}

// recordings, in the order of the story.
func recordings() []recording {
	return slices.Concat(systemRecordings(), imageRecordings(), containerRecordings(), fileRecordings(), resourceRecordings())
}

// outcome is what the predicates say about an error.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case IsCommandNotFound(err):
		return "no command"
	case IsCommandNotExecutable(err):
		return "not executable"
	case IsNotFound(err):
		return "not found"
	case IsDenied(err):
		return "denied"
	case IsConflict(err):
		return "conflict"
	case IsInvalid(err):
		return "invalid"
	case IsTemporary(err):
		return "temporary"
	}
	return "error"
}

const recordedImage = "localhost/dockerapi-test:1"

var recordedLabels = map[string]string{"dockerapi.test": "recording"}

// recordedConfig is a plain container that runs a script.
func recordedConfig(script string) ContainerConfig {
	return ContainerConfig{
		Image: recordedImage, Cmd: []string{"sh", "-c", script}, Labels: recordedLabels,
		HostConfig: HostConfig{NetworkMode: "none", LogConfig: LogConfig{Type: "json-file"}},
	}
}

// just makes a recorded call of a method without a result.
func just(f func(ctx context.Context, c *Client) error) func(context.Context, *Client, func()) (any, error) {
	return func(ctx context.Context, c *Client, _ func()) (any, error) { return nil, f(ctx, c) }
}

// get makes a recorded call of a method with a result.
func get[T any](f func(ctx context.Context, c *Client) (T, error)) func(context.Context, *Client, func()) (any, error) {
	return func(ctx context.Context, c *Client, _ func()) (any, error) { return f(ctx, c) }
}

// is checks a result with a condition.
func is[T any](condition func(T) bool) func(*testing.T, any) {
	return func(t *testing.T, result any) {
		t.Helper()
		if !condition(result.(T)) {
			t.Errorf("unexpected result: %+v", result)
		}
	}
}

// framesOf reads a framed stream to its clean end.
func framesOf(stream io.Reader) (map[Stream]string, error) {
	texts := map[Stream]string{}
	frames := NewFrameReader(bufio.NewReader(stream))
	for p := make([]byte, 1024); ; {
		n, s, err := frames.Read(p)
		if n > 0 {
			texts[s] += string(p[:n])
		}
		if err == io.EOF {
			return texts, nil
		}
		if err != nil {
			return texts, err
		}
	}
}

func systemRecordings() []recording {
	return []recording{
		{name: "SystemPing", call: get(func(ctx context.Context, c *Client) (Ping, error) { return c.SystemPing(ctx) }),
			check: is(func(p Ping) bool {
				return p.APIVersion != "" && p.Server != "" && (p.OSType == "linux" || strings.HasPrefix(p.Server, "Libpod/"))
			})},
		{name: "SystemVersion", call: get(func(ctx context.Context, c *Client) (VersionInfo, error) { return c.SystemVersion(ctx) }),
			check: is(func(v VersionInfo) bool { return v.MinAPIVersion != "" && v.APIVersion != "" && v.Arch == "amd64" })},
		{name: "SystemInfo", call: get(func(ctx context.Context, c *Client) (Info, error) { return c.SystemInfo(ctx) }),
			check: is(func(i Info) bool {
				return i.NCPU > 0 && i.MemTotal > 0 && i.Driver != "" && i.CgroupVersion == "1" && len(i.Runtimes) > 0
			})},
	}
}
