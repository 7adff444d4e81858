package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/docker-worker/docker-worker/internal/bench/fakeengine"
)

// What is promised of each task that runs, with a thousand of them.
const (
	taskMemoryMost     = 150e3 // bytes of the process's memory
	taskGoroutinesMost = 8
)

// footprint is what a worker with a number of tasks needs.
type footprint struct {
	memory      int64 // bytes resident
	threads     int64
	descriptors int
	goroutines  int
	embedded    embedded
}

// measureGrowth has more tasks run than this machine could, on an engine that only pretends: by the program, through the
// broker, and by the worker alone within a process of ours, which can look inside.
func measureGrowth(ctx context.Context, s *session) error {
	none, err := s.footprint(ctx, 0, true)
	if err != nil {
		return err
	}
	fmt.Print("growth: tasks that run until they are told to end, on an engine that pretends; for each, beyond an idle worker.\n",
		"The program with broker and lease, and the worker alone, without either, after a collection of garbage\n\n")
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "running\tnetworks\tmemory, kB\tgoroutines\tdescriptors\tthreads in all\talone: heap, kB\tstacks, kB\tgoroutines\t")
	fmt.Fprintf(out, "0\t\t%.0f in all\t%d in all\t%d in all\t%d\t\t\t\t\n", float64(none.memory)/1e3, none.goroutines, none.descriptors, none.threads)
	for _, tasks := range s.size.growth {
		for _, prepared := range []bool{false, true} {
			f, err := s.footprint(ctx, tasks, prepared)
			if err != nil {
				return fmt.Errorf("%d tasks: %w", tasks, err)
			}
			each := func(all, idle float64) float64 { return (all - idle) / float64(tasks) }
			memory := each(float64(f.memory), float64(none.memory))
			goroutines := each(float64(f.goroutines), float64(none.goroutines))
			goroutines = math.Round(10*goroutines) / 10 // a few of them keep connections and belong to no task
			kind := "of the engine"
			inside := "\t\t"
			if prepared {
				kind = "prepared"
			} else {
				e := f.embedded
				inside = fmt.Sprintf("%.1f\t%.1f\t%.1f", float64(e.Heap)/1e3/float64(tasks), float64(e.Stacks)/1e3/float64(tasks), float64(e.Goroutines)/float64(tasks))
			}
			fmt.Fprintf(out, "%d\t%s\t%.0f\t%.1f\t%.1f\t%d\t%s\t\n", tasks, kind, memory/1e3, goroutines,
				each(float64(f.descriptors), float64(none.descriptors)), f.threads, inside)
			if tasks == 1000 {
				s.promises.atMost(taskMemoryMost/1e3, memory/1e3, " kB", "memory of each of 1,000 tasks, networks "+kind)
				s.promises.atMost(taskGoroutinesMost, goroutines, "", "goroutines of each of 1,000 tasks, networks "+kind)
			}
		}
	}
	return out.Flush()
}

// footprint runs a number of tasks at a time; none is an idle worker of capacity 1 without prepared networks. The
// worker alone is looked at without prepared networks.
func (s *session) footprint(ctx context.Context, tasks int, prepared bool) (f footprint, err error) {
	dir, err := os.MkdirTemp("", "docker-worker-bench-")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeoutCause(ctx, 2*patience, fmt.Errorf("%d tasks were not under way after %v", tasks, 2*patience))
	defer cancel()
	if err := s.weigh(ctx, filepath.Join(dir, "engine"), tasks, prepared, &f); err != nil {
		return f, err
	}
	if tasks > 0 && !prepared {
		f.embedded, err = runEmbedded(ctx, filepath.Join(dir, "engine"), tasks)
	}
	return f, err
}

// weigh looks at the program.
func (s *session) weigh(ctx context.Context, socket string, tasks int, prepared bool, f *footprint) error {
	engine, err := fakeengine.Start(socket)
	if err != nil {
		return err
	}
	defer engine.Close()
	networks := 0
	if tasks > 0 && prepared {
		networks = tasks
	}
	var stacks bytes.Buffer
	p, err := s.startWorker(ctx, workerOptions{
		capacity: max(tasks, 1), lease: leaseDefault, host: engine.Host(), log: &stacks,
		flags: []string{"--sandboxes", fmt.Sprint(networks)},
	}, "task.started", "task.exception")
	if err != nil {
		return err
	}
	defer p.stop()
	if err := engine.Await(ctx, func() bool { _, n := engine.Running(); return n == networks }); err != nil {
		return err
	}
	if tasks > 0 {
		if err := p.round(ctx, tasks, nothing, "task.started"); err != nil {
			return err
		}
	}
	// Each task has been asked once what it uses, and an idle worker has had time to make its connections.
	if err := engine.Await(ctx, func() bool { return engine.Samples() >= tasks }); err != nil {
		return err
	}
	select {
	case <-time.After(settled):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	pid := p.pid()
	if f.memory, err = processNumber(pid, "VmRSS"); err != nil {
		return err
	}
	if f.threads, err = processNumber(pid, "Threads"); err != nil {
		return err
	}
	if f.descriptors, err = descriptors(pid); err != nil {
		return err
	}
	p.end(syscall.SIGQUIT) // a program in Go dies of it telling what each goroutine does
	f.goroutines = bytes.Count(stacks.Bytes(), []byte("\ngoroutine "))
	return nil
}

// runEmbedded has another process of this program run the worker, and asks it.
func runEmbedded(ctx context.Context, socket string, tasks int) (e embedded, err error) {
	engine, err := fakeengine.Start(socket)
	if err != nil {
		return e, err
	}
	defer engine.Close()
	self, err := os.Executable()
	if err != nil {
		return e, err
	}
	cmd := exec.CommandContext(ctx, self, "-embedded", fmt.Sprint(tasks))
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+engine.Host())
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return e, fmt.Errorf("run the worker in a process of its own: %w", err)
	}
	return e, json.Unmarshal(text, &e)
}
