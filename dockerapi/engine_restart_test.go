//go:build integration

package dockerapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ownEngine is a dockerd of the test, beside the machine's, with its own data and its own containerd, so that it can be
// killed. It needs root and Debian's docker.io.
type ownEngine struct {
	t           *testing.T
	dir         string
	liveRestore bool
	dockerd     *exec.Cmd
}

func startOwnEngine(t *testing.T, liveRestore bool) *ownEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // a short path: a socket's has 107 characters at most
	if err != nil {
		t.Fatal(err)
	}
	e := &ownEngine{t: t, dir: dir, liveRestore: liveRestore}
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n",
		dir+"/containerd", dir+"/run/containerd", dir+"/containerd.sock")
	if err := os.WriteFile(dir+"/containerd.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	containerd := e.command("containerd", "--config", dir+"/containerd.toml")
	if err := containerd.Start(); err != nil {
		t.Fatalf("start containerd: %v", err)
	}
	t.Cleanup(func() {
		stop(t, containerd)
		e.unmount()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	e.await("containerd.sock")
	e.start()
	t.Cleanup(func() { stop(t, e.dockerd) })
	return e
}

func (e *ownEngine) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(e.t.Context()), name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (e *ownEngine) start() {
	e.t.Helper()
	_ = os.Remove(filepath.Join(e.dir, "docker.pid")) // of one that was killed
	_ = os.Remove(filepath.Join(e.dir, "engine.sock"))
	d := e.dir
	args := strings.Fields(fmt.Sprintf("--containerd %[1]s/containerd.sock --data-root %[1]s/data --exec-root %[1]s/run/docker --pidfile %[1]s/docker.pid --host unix://%[1]s/engine.sock --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --cgroup-parent dockerapi-own", d))
	if e.liveRestore {
		args = append(args, "--live-restore")
	}
	e.dockerd = e.command("dockerd", args...)
	// In a network of its own: a dockerd without a bridge removes the host's docker0, which belongs to another engine.
	e.dockerd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNET
	if err := e.dockerd.Start(); err != nil {
		e.t.Fatalf("start dockerd: %v", err)
	}
	e.await("engine.sock")
}

// await waits until somebody listens at the socket.
func (e *ownEngine) await(socket string) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(e.dir, socket))
		if err == nil {
			_ = conn.Close()
			return
		}
		if sleep(ctx, 50*time.Millisecond) != nil {
			e.t.Fatalf("nobody listens at %s", socket)
		}
	}
}

// unmount takes away what a dockerd that was killed left mounted.
func (e *ownEngine) unmount() {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		e.t.Error(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], e.dir+"/") {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH) // the removal of the directory tells
		}
	}
}

func (e *ownEngine) client() *Client {
	e.t.Helper()
	c, err := New(Config{Host: "unix://" + filepath.Join(e.dir, "engine.sock")})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(c.Close)
	return c
}

// kill ends dockerd as a crash does.
func (e *ownEngine) kill() {
	e.t.Helper()
	if err := e.dockerd.Process.Kill(); err != nil {
		e.t.Fatal(err)
	}
	_ = e.dockerd.Wait() // it was killed
}

// stop ends a process as an operator does.
func stop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if cmd.ProcessState != nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Errorf("%s does not end", cmd.Path)
		_ = cmd.Process.Kill()
		<-ended
	}
}

// When dockerd is killed or restarted in the middle of attach, wait, logs, events and pull, each of them ends within
// 5 seconds and claims nothing; with live-restore the container is found again, running.
func TestEngineRestart(t *testing.T) {
	for _, liveRestore := range []bool{false, true} {
		t.Run(fmt.Sprintf("live-restore %v", liveRestore), func(t *testing.T) {
			e := startOwnEngine(t, liveRestore)
			c := e.client()
			before, err := c.Negotiate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ensureImage(t, c)
			id := container(t, c, ContainerConfig{Cmd: []string{"sh", "-c", "echo begin; sleep 300"}, HostConfig: HostConfig{NetworkMode: "none"}})
			streams := openStreams(t, c, id)
			if err := c.ContainerStart(t.Context(), id); err != nil {
				t.Fatal(err)
			}

			e.kill()
			deadline := time.After(5 * time.Second)
			for range streams.count {
				select {
				case ended := <-streams.ended:
					t.Logf("%s: %v", ended.name, ended.err)
					if ended.name == "wait" && !errors.Is(ended.err, ErrUnknownExit) {
						t.Errorf("wait: %v, want an unknown exit", ended.err)
					}
					if ended.name == "pull" && !IsTemporary(ended.err) {
						t.Errorf("pull: %v, want temporary", ended.err)
					}
				case <-deadline:
					t.Fatal("a stream did not end within 5 seconds")
				}
			}
			if _, err := c.SystemPing(t.Context()); !IsUnavailable(err) || !IsRetryable(err) {
				t.Errorf("ping without an engine: %v", err)
			}

			e.start()
			after, err := c.Negotiate(t.Context())
			if err != nil || after.Changed || after.APIVersion != before.APIVersion {
				t.Errorf("negotiate again: %+v, %v", after, err)
			}
			seen, err := c.ContainerInspect(t.Context(), id)
			if err != nil || seen.State.Running != liveRestore {
				t.Fatalf("after the restart: %+v, %v", seen.State, err)
			}
			if liveRestore {
				waitAgain(t, c, id)
			}
		})
	}
}

// waitAgain waits for a container that was found again.
func waitAgain(t *testing.T, c *Client, id string) {
	t.Helper()
	wait, err := c.ContainerWait(t.Context(), id, WaitNotRunning)
	if err != nil {
		t.Fatal(err)
	}
	defer wait.Close()
	if err := c.ContainerKill(t.Context(), id, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	if status, err := wait.Result(); err != nil || status.StatusCode != 137 {
		t.Errorf("wait again: %+v, %v", status, err)
	}
}

type endedStream struct {
	name string
	err  error
}

type openedStreams struct {
	count int
	ended chan endedStream
}

// openStreams opens one stream of each kind, read to its end in a goroutine.
func openStreams(t *testing.T, c *Client, id string) openedStreams {
	t.Helper()
	stream, err := c.ContainerAttach(t.Context(), id, AttachOptions{Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	both, err := c.ContainerAttach(t.Context(), id, AttachOptions{Stdin: true, Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	wait, err := c.ContainerWait(t.Context(), id, WaitNextExit)
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.SystemEvents(t.Context(), EventsOptions{Filters: Filters{"event": {"oom"}}})
	if err != nil {
		t.Fatal(err)
	}
	silent := silentRegistry(t)
	s := openedStreams{ended: make(chan endedStream, 5)}
	for name, read := range map[string]func() error{
		"attach":            func() error { defer stream.Close(); return second(framesOf(stream)) },
		"attach with stdin": func() error { defer both.Close(); return second(framesOf(both)) },
		"wait":              func() error { defer wait.Close(); return second(wait.Result()) },
		"events":            func() error { defer events.Close(); return second(events.Next()) },
		"pull":              func() error { return c.ImagePull(t.Context(), silent+"/x:1", PullOptions{}) },
	} {
		s.count++
		go func() { s.ended <- endedStream{name, read()} }()
	}
	return s
}

// silentRegistry accepts connections and says nothing.
func silentRegistry(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}
