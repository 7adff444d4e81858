//go:build integration

package dockerapi

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// engine is a client of the engine of DOCKER_HOST. An engine that does not answer fails the test.
func engine(t *testing.T) *Client {
	t.Helper()
	cfg, err := ConfigFromEnv(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.Negotiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ensureImage(t, c)
	return c
}

// isPodman tells what podman does differently, where a test has to know.
func isPodman(t *testing.T, c *Client) bool {
	t.Helper()
	ping, err := c.SystemPing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(ping.Server, "Libpod/")
}

// container creates a container that is removed at the end of the test.
func container(t *testing.T, c *Client, cfg ContainerConfig) string {
	t.Helper()
	cfg.Image = testImage
	cfg.Labels = map[string]string{"dockerapi.test": "1"}
	created, err := c.ContainerCreate(t.Context(), "", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := c.ContainerRemove(ctx, created.ID, RemoveOptions{Force: true, Volumes: true}); err != nil {
			t.Errorf("remove the test's container: %v", err)
		}
	})
	return created.ID
}

// run runs a container to its end and returns what it wrote.
func run(t *testing.T, c *Client, id string) (status ExitStatus, stdout, stderr string) {
	t.Helper()
	stream, err := c.ContainerAttach(t.Context(), id, AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	wait, err := c.ContainerWait(t.Context(), id, WaitNextExit)
	if err != nil {
		t.Fatal(err)
	}
	defer wait.Close()
	if err := c.ContainerStart(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	outputs := readFrames(t, stream)
	status, err = wait.Result()
	if err != nil {
		t.Fatal(err)
	}
	return status, outputs[Stdout], outputs[Stderr]
}

// readFrames reads frames to the clean end of the stream.
func readFrames(t *testing.T, r io.Reader) map[Stream]string {
	t.Helper()
	buffers := map[Stream]*bytes.Buffer{}
	frames := NewFrameReader(bufio.NewReader(r))
	for p := make([]byte, 4096); ; {
		n, stream, err := frames.Read(p)
		if n > 0 {
			if buffers[stream] == nil {
				buffers[stream] = new(bytes.Buffer)
			}
			buffers[stream].Write(p[:n])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("read frames: %v", err)
		}
	}
	texts := map[Stream]string{}
	for stream, buffer := range buffers {
		texts[stream] = buffer.String()
	}
	return texts
}
