//go:build integration

package dockerapi

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEngineRunsContainer(t *testing.T) {
	c := engine(t)
	id := container(t, c, ContainerConfig{Cmd: []string{"sh", "-c", "echo out; echo err >&2; exit 3"}})
	status, stdout, stderr := run(t, c, id)
	if diff := cmp.Diff([]any{ExitStatus{StatusCode: 3}, "out\n", "err\n"}, []any{status, stdout, stderr}); diff != "" {
		t.Error(diff)
	}
	seen, err := c.ContainerInspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if seen.State.ExitCode != 3 || seen.State.Status != "exited" || seen.State.StartedAt.IsZero() || seen.ID != id {
		t.Errorf("inspect after the exit: %+v", seen.State)
	}
	// Everything that is already so is success.
	if err := c.ContainerKill(t.Context(), id, "SIGKILL"); err != nil {
		t.Errorf("kill what does not run: %v", err)
	}
	if err := c.ContainerStop(t.Context(), id, StopOptions{Timeout: time.Second}); err != nil {
		t.Errorf("stop what does not run: %v", err)
	}
	for range 2 {
		if err := c.ContainerRemove(t.Context(), id, RemoveOptions{Force: true, Volumes: true}); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
	if _, err := c.ContainerInspect(t.Context(), id); !IsNotFound(err) {
		t.Errorf("inspect what was removed: %v, want not found", err)
	}
}

func TestEngineTellsWhyStartFailed(t *testing.T) {
	for name, test := range map[string]struct {
		cmd  string
		want func(error) bool
	}{
		"not in PATH":    {"no-such-command", IsCommandNotFound},
		"no such file":   {"/no/such/command", IsCommandNotFound},
		"not executable": {"/bin", IsCommandNotExecutable},
	} {
		t.Run(name, func(t *testing.T) {
			c := engine(t)
			id := container(t, c, ContainerConfig{Cmd: []string{test.cmd}})
			if err := c.ContainerStart(t.Context(), id); !test.want(err) {
				t.Errorf("start %s: %v (%#v)", test.cmd, err, err)
			}
		})
	}
}

func TestEngineStdin(t *testing.T) {
	c := engine(t)
	id := container(t, c, ContainerConfig{Cmd: []string{"sh", "-c", "cat; echo end >&2"},
		OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true})
	stream, err := c.ContainerAttach(t.Context(), id, AttachOptions{Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if err := c.ContainerStart(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(stream, strings.Repeat("0123456789abcdef", 64<<10))
		written <- errors.Join(err, stream.CloseWrite())
	}()
	texts := readFrames(t, stream)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if len(texts[Stdout]) != 1<<20 || texts[Stderr] != "end\n" {
		t.Errorf("cat gave back %d bytes, want 1 MiB; stderr %q", len(texts[Stdout]), texts[Stderr])
	}
}

func TestEngineCancelUnblocks(t *testing.T) {
	for _, stdin := range []bool{false, true} {
		c := engine(t)
		id := container(t, c, ContainerConfig{Cmd: []string{"sleep", "60"}, OpenStdin: true})
		reason := errors.New("reason of the test")
		ctx, cancel := context.WithCancelCause(t.Context())
		stream, err := c.ContainerAttach(ctx, id, AttachOptions{Stdin: stdin, Stdout: true})
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		wait, err := c.ContainerWait(ctx, id, WaitNextExit)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.ContainerStart(ctx, id); err != nil {
			t.Fatal(err)
		}
		cancel(reason)
		if _, err := stream.Read(make([]byte, 1)); !errors.Is(err, reason) || !errors.Is(err, context.Canceled) {
			t.Errorf("read after cancel (stdin %v): %v", stdin, err)
		}
		if _, err := wait.Result(); !errors.Is(err, reason) || !errors.Is(err, ErrUnknownExit) || IsUnavailable(err) {
			t.Errorf("result after cancel: %v", err)
		}
	}
}

func TestEngineRefusesPull(t *testing.T) {
	c := engine(t)
	// Nothing listens on port 1.
	if err := c.ImagePull(t.Context(), "127.0.0.1:1/nobody/here:1", PullOptions{}); !IsTemporary(err) {
		t.Errorf("pull from where nobody listens: %v, want temporary", err)
	}
	if _, err := c.ImageInspect(t.Context(), "127.0.0.1:1/nobody/here:1"); !IsNotFound(err) {
		t.Errorf("inspect an image that is not there: %v", err)
	}
	if image, err := c.ImageInspect(t.Context(), testImage); err != nil || image.OS != "linux" {
		t.Errorf("inspect the test's image: %+v, %v", image, err)
	}
}

func TestEngineSystem(t *testing.T) {
	c := engine(t)
	if _, err := c.SystemPing(t.Context()); err != nil {
		t.Error(err)
	}
	info, err := c.SystemInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.NCPU == 0 || info.MemTotal == 0 || info.Driver == "" || info.CgroupVersion == "" {
		t.Errorf("info has holes: %+v", info)
	}
	list, err := c.ContainerList(t.Context(), ListOptions{All: true, Filters: Filters{"label": {"no-such-label"}}})
	if err != nil || len(list) != 0 {
		t.Errorf("list: %v, %v", list, err)
	}
}
