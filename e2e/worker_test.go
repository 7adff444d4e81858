//go:build integration

package e2e

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a docker-worker start under way.
type process struct {
	cmd   *exec.Cmd
	log   *logbook
	ended chan struct{}
}

// start runs a worker on the site and waits until it takes tasks. Flags add to the site's own, or replace them. What
// runs at the end of the test is killed, and its containers are removed.
func (s *site) start(t *testing.T, flags ...string) *process {
	t.Helper()
	p := s.launch(t, flags...)
	p.log.await(t, "taking tasks", p.ended)
	return p
}

// launch does not wait.
func (s *site) launch(t *testing.T, flags ...string) *process {
	t.Helper()
	args := append([]string{"start", "--worker-id", s.worker, "--state-dir", s.stateDir, "--events-exchange", s.exchange, "--capacity", "1"}, flags...)
	env := []string{"DOCKER_WORKER_AMQP=" + s.broker}
	if s.engine != "" {
		env = append(env, "DOCKER_HOST="+s.engine)
	}
	p := &process{cmd: command(context.WithoutCancel(t.Context()), env, append(args, s.queue)...), log: newLogbook(), ended: make(chan struct{})}
	if len(s.prefix) > 0 {
		program := append(slices.Clone(s.prefix), p.cmd.Args...)
		elsewhere := exec.Command(program[0], program[1:]...)
		elsewhere.Env, p.cmd = p.cmd.Env, elsewhere
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start a worker: %v", err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the exit code is in ProcessState
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the log of worker %d:\n%s", p.cmd.Process.Pid, p.log)
		}
		removeLeft(s.engine, s.worker)
	})
	return p
}

// signal sends one; a process that has ended does not mind.
func (p *process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// kill is kill -9.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// exit waits for the end and returns the exit code, -1 after a signal.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT) // it prints where its goroutines are
		<-p.ended
		t.Fatalf("the worker did not end:\n%s", p.log)
		return 0
	}
}

// alive tells whether it still runs.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// memory reads VmHWM (the peak) or VmRSS (now) of the process, in bytes.
func (p *process) memory(t *testing.T, field string) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		t.Fatalf("read the memory of the worker: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == field+":" {
			kib, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				t.Fatalf("read %q: %v", line, err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no %s in\n%s", field, status)
	return 0
}
