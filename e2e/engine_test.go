//go:build integration

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// ownEngine is a dockerd that a test may stop. It has a network and a mount namespace of its own: in the machine's, a
// dockerd with another bridge, or none, removes docker0, and the machine's engine can start no container any more.
type ownEngine struct {
	host  string // DOCKER_HOST
	dir   string
	flags []string
	home  *exec.Cmd // holds the namespaces, from one dockerd to the next
	cmd   *exec.Cmd
	log   *os.File
	gone  chan struct{}
}

// startEngine starts a dockerd that has the image of the tests, about 3 seconds.
func startEngine(t *testing.T, flags ...string) *ownEngine {
	t.Helper()
	return startEngineOn(t, "", flags...)
}

// startEngineOn does so with a disk of the given size for its data, as mount has it ("200m"); "" is the machine's disk.
func startEngineOn(t *testing.T, disk string, flags ...string) *ownEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-engine-") // short: the path of a socket has 107 characters at most
	if err != nil {
		t.Fatalf("make a directory: %v", err)
	}
	e := &ownEngine{host: "unix://" + filepath.Join(dir, "docker.sock"), dir: dir, flags: flags}
	e.settle(t)
	if disk != "" {
		tool(t, "nsenter", "--target", strconv.Itoa(e.home.Process.Pid), "--mount", "sh", "-c",
			`mount --make-rprivate / && mkdir "$1" && mount -t tmpfs -o size="$2" none "$1"`, "sh", filepath.Join(dir, "data"), disk)
	}
	t.Cleanup(func() {
		e.stop(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the engine's data: %v", err)
		}
	})
	if e.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatalf("make a log: %v", err)
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(e.log.Name()); err == nil && t.Failed() {
			t.Logf("the log of the engine:\n%s", text)
		}
		_ = e.log.Close()
	})
	e.start(t)
	archive := filepath.Join(dir, "image.tar")
	tool(t, "docker", "save", "-o", archive, image)
	tool(t, "docker", "-H", e.host, "load", "-i", archive)
	return e
}

// settle makes the namespaces.
func (e *ownEngine) settle(t *testing.T) {
	t.Helper()
	e.home = exec.Command("sleep", "infinity")
	e.home.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if err := e.home.Start(); err != nil { // it returns when the namespaces are there
		t.Fatalf("make namespaces for an engine (root is needed): %v", err)
	}
	t.Cleanup(func() {
		_ = e.home.Process.Kill()
		_ = e.home.Wait()
	})
}

// start starts it, for the first time or again, and waits until it answers.
func (e *ownEngine) start(t *testing.T) {
	t.Helper()
	in := func(name string) string { return filepath.Join(e.dir, name) }
	e.cmd = exec.Command("nsenter", append([]string{"--target", strconv.Itoa(e.home.Process.Pid), "--net", "--mount",
		"dockerd", "--host", e.host, "--data-root", in("data"), "--exec-root", in("run"), "--pidfile", in("pid"),
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false", "--shutdown-timeout=1"},
		e.flags...)...)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := e.cmd.Start(); err != nil {
		t.Fatalf("start dockerd: %v", err)
	}
	gone, cmd := make(chan struct{}), e.cmd
	e.gone = gone
	go func() {
		defer close(gone)
		_ = cmd.Wait()
	}()
	brokertest.Wait(t, patience, "the engine answers", func() bool {
		select {
		case <-gone:
			text, _ := os.ReadFile(e.log.Name())
			t.Fatalf("dockerd has ended: %s", text)
		default:
		}
		return exec.Command("docker", "-H", e.host, "info").Run() == nil
	})
}

// stop ends it as an operator does, and with it its containers.
func (e *ownEngine) stop(t *testing.T) {
	t.Helper()
	if e.gone == nil {
		return
	}
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	<-e.gone
}
