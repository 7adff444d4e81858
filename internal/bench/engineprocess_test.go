package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/docker-worker/docker-worker/internal/bench/fakeengine"
)

func TestServedBy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine")
	engine, err := fakeengine.Start(path)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if pid, err := servedBy(path); err != nil || pid != os.Getpid() {
		t.Errorf("the socket of this process belongs to %d, %v; want %d", pid, err, os.Getpid())
	}
	if _, err := servedBy(path + ".none"); err == nil {
		t.Error("a socket that is not there belongs to somebody")
	}
}

func TestChild(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe() // it waits for its end
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	if pid, err := child(os.Getpid(), "cat"); err != nil || pid != cmd.Process.Pid {
		t.Errorf("our child is %d, %v; want %d", pid, err, cmd.Process.Pid)
	}
	if pid, err := child(cmd.Process.Pid, "cat"); err != nil || pid != 0 {
		t.Errorf("a process without children has %d, %v", pid, err)
	}
}
