package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// contestant is one way to run tasks that do nothing, and what was measured of it at one capacity.
type contestant struct {
	name  string
	round func(ctx context.Context, tasks int) error
	cpu   func() (time.Duration, error) // what its process or processes have used so far

	took   []float64     // seconds for a task, of each round
	client time.Duration // of the processors, by the process or processes
	engine time.Duration // of the processors, by dockerd and containerd meanwhile
}

const nothing = `{"image": "` + image + `", "command": ["true"]}`

// compareThroughput runs the same task in four ways: by the worker, through the broker, with a lease; by a loop of bare
// calls, with a network of the engine's bridge and with none; by `docker run --rm`.
func compareThroughput(ctx context.Context, s *session) error {
	fmt.Printf("throughput: `true` in a container, %d rounds each, taking turns; medians, and ranges over the rounds\n\n", s.size.rounds)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "capacity\t\ttasks/s\tworker is faster by\t\tclient CPU, ms/task\tengine CPU, ms/task\tpeak memory, MB\t")
	for _, capacity := range s.size.capacities {
		p, err := s.startWorker(ctx, workerOptions{capacity: capacity, lease: leaseDefault}, "task.completed", "task.failed", "task.exception")
		if err != nil {
			return err
		}
		err = s.compareAt(ctx, p, capacity, out)
		p.stop()
		if err != nil {
			return fmt.Errorf("capacity %d: %w", capacity, err)
		}
	}
	return out.Flush()
}

func (s *session) compareAt(ctx context.Context, p *program, capacity int, out *tabwriter.Writer) error {
	var cli atomic.Int64
	self := func() (time.Duration, error) { return cpuTime(os.Getpid()) }
	all := []*contestant{
		{name: "worker", round: func(ctx context.Context, tasks int) error { return p.round(ctx, tasks, nothing, "task.completed") },
			cpu: func() (time.Duration, error) { return cpuTime(p.pid()) }},
		{name: "raw, bridge", round: func(ctx context.Context, tasks int) error {
			return inLoops(capacity, tasks, func() error { return rawContainer(ctx, s.client, "") })
		}, cpu: self},
		{name: "raw, none", round: func(ctx context.Context, tasks int) error {
			return inLoops(capacity, tasks, func() error { return rawContainer(ctx, s.client, "none") })
		}, cpu: self},
		{name: "docker run", round: func(ctx context.Context, tasks int) error {
			return inLoops(capacity, tasks, func() error {
				used, err := dockerRun(ctx, "true")
				cli.Add(int64(used))
				return err
			})
		}, cpu: func() (time.Duration, error) { return time.Duration(cli.Load()), nil }},
	}
	engines, err := engineProcesses(s.client.Host())
	if err != nil {
		return err
	}
	tasks := max(s.size.tasks, s.size.waves*capacity)
	for round := range s.size.rounds + 1 {
		for i := range all {
			c := all[(round+i)%len(all)] // each is first as often as last
			n := tasks
			if round == 0 {
				n = capacity // to warm up
			}
			if err := c.measure(ctx, engines, n, round > 0); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	peak, err := processNumber(p.pid(), "VmHWM")
	if err != nil {
		return err
	}
	worker := all[0]
	for _, c := range all {
		perTask := func(d time.Duration) float64 { return milliseconds(d) / float64(tasks*s.size.rounds) }
		lead, memory := "\t", ""
		if c == worker {
			memory = fmt.Sprintf("%.1f", float64(peak)/1e6)
		} else {
			ratios := quotients(c.took, worker.took)
			lead = fmt.Sprintf("%.2f\t%.2f to %.2f", median(ratios), slices.Min(ratios), slices.Max(ratios))
			goal := map[string]float64{"raw, bridge": s.goals.speed(capacity), "docker run": s.goals.run}[c.name]
			if goal > 0 {
				s.promises.atLeast(goal, median(ratios), "", fmt.Sprintf("speed of the worker / %s, capacity %d", c.name, capacity))
			}
		}
		fmt.Fprintf(out, "%d\t%s\t%.1f\t%s\t%.1f\t%.1f\t%s\t\n", capacity, c.name, 1/median(c.took), lead, perTask(c.client), perTask(c.engine), memory)
	}
	return nil
}

// measure runs one round, and notes it where it counts.
func (c *contestant) measure(ctx context.Context, engines []int, tasks int, counts bool) error {
	engineBefore, err := sumCPU(engines)
	if err != nil {
		return err
	}
	clientBefore, err := c.cpu()
	if err != nil {
		return err
	}
	took, err := timed(func() error { return c.round(ctx, tasks) })
	if err != nil {
		return err
	}
	clientAfter, err := c.cpu()
	if err != nil {
		return err
	}
	engineAfter, err := sumCPU(engines)
	if err != nil {
		return err
	}
	if counts {
		c.took = append(c.took, took.Seconds()/float64(tasks))
		c.client += clientAfter - clientBefore
		c.engine += engineAfter - engineBefore
	}
	return nil
}

// quotients divides round by round, so that a machine whose speed drifts does not decide.
func quotients(a, b []float64) []float64 {
	q := make([]float64, len(a))
	for i := range a {
		q[i] = a[i] / b[i]
	}
	return q
}
