package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What is promised of a worker that has nothing to do.
const (
	readyMost = 50 * time.Millisecond // from the start of the process until it is ready
	idleMost  = 12e6                  // bytes of memory
)

// startMost is how long a start is waited for.
const startMost = time.Minute

// settled is how long after its start an idle worker is weighed.
const settled = 5 * time.Second

// measureStarts starts the worker several times, and weighs the last one at rest.
func measureStarts(ctx context.Context, s *session) error {
	p, err := s.prepareWorker(nil)
	if err != nil {
		return err
	}
	defer p.stop()
	supervisor, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(p.dir, "notify")})
	if err != nil {
		return err
	}
	defer supervisor.Close()
	var took []float64
	for n := range s.size.starts + 1 {
		p.end(syscall.SIGTERM)
		ready, err := p.startAndListen(ctx, s, supervisor)
		if err != nil {
			return err
		}
		if n > 0 { // the first makes its queue
			took = append(took, milliseconds(ready))
		}
	}
	select {
	case <-time.After(settled):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	idle, err := processNumber(p.pid(), "VmRSS")
	if err != nil {
		return err
	}
	own, err := processNumber(p.pid(), "RssAnon")
	if err != nil {
		return err
	}
	threads, err := processNumber(p.pid(), "Threads")
	if err != nil {
		return err
	}
	open, err := descriptors(p.pid())
	if err != nil {
		return err
	}
	fmt.Printf("start: %d of a worker of capacity 4 under an id that the broker knows\n\n", s.size.starts)
	fmt.Printf("from exec to ready: median %.0f ms, 95 %% within %.0f ms\n", median(took), quantile(took, 0.95))
	fmt.Printf("idle, %v later: %.1f MB resident, of which %.1f MB its own and the rest pages of its file; %d threads, %d descriptors\n",
		settled, float64(idle)/1e6, float64(own)/1e6, threads, open)
	s.promises.atMost(milliseconds(readyMost), median(took), " ms", "start until the worker is ready")
	s.promises.atMost(idleMost/1e6, float64(idle)/1e6, " MB", "memory of an idle worker")
	return nil
}

// startAndListen starts the process and returns when it says that it is ready, as it would to systemd: queue, engine and
// exchange have answered, and tasks are taken.
func (p *program) startAndListen(ctx context.Context, s *session, supervisor *net.UnixConn) (time.Duration, error) {
	begun := time.Now()
	if err := p.start(ctx, s, workerOptions{capacity: 4, lease: leaseDefault, notify: supervisor.LocalAddr().String()}); err != nil {
		return 0, err
	}
	if err := supervisor.SetReadDeadline(begun.Add(startMost)); err != nil {
		return 0, err
	}
	said := make([]byte, 4096)
	for {
		n, err := supervisor.Read(said)
		if err != nil {
			return 0, fmt.Errorf("the worker did not become ready: %w", err)
		}
		if strings.HasPrefix(string(said[:n]), "READY=1\n") { // the others are of the process before
			return time.Since(begun), nil
		}
	}
}
