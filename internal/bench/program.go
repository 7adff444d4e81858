package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// workerOptions say which worker is started. The zero values of host and flags are the defaults of the program.
type workerOptions struct {
	capacity int
	lease    string    // as the flag has it
	host     string    // of the engine
	notify   string    // socket on which it says that it is ready
	flags    []string  // further ones
	log      io.Writer // the worker's own log, warnings alone; by default standard error
}

// The two ways of holding a task, as the flag --lease has them.
const (
	leaseDefault = "5m"
	leaseNone    = "0"
)

// program is a worker process under measurement, and the sender of its tasks.
type program struct {
	*sender
	process *exec.Cmd
	dir     string
}

// startWorker starts a worker on a queue of its own. The events of these types are what the sender hears.
func (s *session) startWorker(ctx context.Context, o workerOptions, events ...string) (*program, error) {
	p, err := s.prepareWorker(events)
	if err == nil {
		if err = p.start(ctx, s, o); err != nil {
			p.stop()
		}
	}
	return p, err
}

// prepareWorker makes what a worker needs, and does not start it.
func (s *session) prepareWorker(events []string) (p *program, err error) {
	p = &program{}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	if p.sender, err = newSender(s.url, events); err != nil {
		return p, err
	}
	p.dir, err = os.MkdirTemp("", "docker-worker-bench-")
	return p, err
}

// start starts the process; again, after it has ended.
func (p *program) start(ctx context.Context, s *session, o workerOptions) error {
	args := []string{"start", "--capacity", fmt.Sprint(o.capacity), "--lease", o.lease, "--amqp", s.url, "--worker-id", p.queue, "--state-dir", p.dir, "--log-level", "warn"}
	p.process = exec.CommandContext(ctx, s.binary, append(args, append(o.flags, p.queue)...)...)
	p.process.Cancel = func() error { return nil } // stop ends it in order
	if p.process.Stderr = o.log; o.log == nil {
		p.process.Stderr = os.Stderr
	}
	p.process.Env = os.Environ()
	for name, value := range map[string]string{"DOCKER_HOST": o.host, "NOTIFY_SOCKET": o.notify} {
		if value != "" {
			p.process.Env = append(p.process.Env, name+"="+value)
		}
	}
	return p.process.Start()
}

func (p *program) pid() int { return p.process.Process.Pid }

// end ends the process by a signal.
func (p *program) end(signal syscall.Signal) {
	if p.process != nil && p.process.Process != nil {
		_ = p.process.Process.Signal(signal)
		_ = p.process.Wait() // how it ends is not what is measured
		p.process = nil
	}
}

// stop ends the worker and removes what the measurement made.
func (p *program) stop() {
	p.end(syscall.SIGTERM)
	if p.sender != nil {
		p.sender.close()
	}
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}
