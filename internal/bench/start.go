package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// What is promised of a worker that has nothing to do.
const (
	readyMost = 50 * time.Millisecond // from the start of the process until it takes tasks
	idleMost  = 12e6                  // bytes of memory
)

// settled is how long after its start an idle worker is weighed.
const settled = 3 * time.Second

// measureStarts starts the worker several times, and weighs the last one at rest.
func measureStarts(ctx context.Context, s *session) error {
	p, err := s.prepareWorker(nil)
	if err != nil {
		return err
	}
	defer p.stop()
	var took []float64
	for n := range s.size.starts + 1 {
		p.end(syscall.SIGTERM)
		ready, err := p.startAndListen(ctx, s)
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
	fmt.Printf("from exec to taking tasks: median %.0f ms, 95 %% within %.0f ms\n", median(took), quantile(took, 0.95))
	fmt.Printf("idle, %v later: %.1f MB resident, of which %.1f MB its own and the rest pages of its file; %d threads, %d descriptors\n",
		settled, float64(idle)/1e6, float64(own)/1e6, threads, open)
	s.promises.atMost(milliseconds(readyMost), median(took), " ms", "start until tasks are taken")
	s.promises.atMost(idleMost/1e6, float64(idle)/1e6, " MB", "memory of an idle worker")
	return nil
}

// startAndListen starts the process and returns when it says that it takes tasks. What else it says nobody reads.
func (p *program) startAndListen(ctx context.Context, s *session) (time.Duration, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	err = p.start(ctx, s, workerOptions{capacity: 4, lease: leaseDefault, log: write})
	write.Close()
	if err != nil {
		read.Close()
		return 0, err
	}
	lines := bufio.NewScanner(read)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `msg="taking tasks"`) {
			took := time.Since(begun)
			go func() { // ends with the process
				defer read.Close()
				_, _ = io.Copy(io.Discard, read)
			}()
			return took, nil
		}
	}
	read.Close()
	return 0, errors.New("the worker ended before it took tasks")
}
