package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"text/tabwriter"
	"time"
)

// speak is a task that writes a line at once.
const speak = `{"image": "` + image + `", "command": ["echo", "hello"]}`

// compareFirstBytes measures how long it takes until somebody sees what a command writes: from the publishing of a task
// to the first piece of its log at a consumer, and from the start of `docker run --rm` to the first byte of its output.
func compareFirstBytes(ctx context.Context, s *session) error {
	p, err := s.startWorker(ctx, workerOptions{capacity: 1, lease: leaseDefault}, "task.log", "task.completed", "task.failed", "task.exception")
	if err != nil {
		return err
	}
	defer p.stop()
	var worker, docker []float64 // milliseconds
	for n := range s.size.firstBytes + 1 {
		ours, err := p.firstByte(ctx)
		if err != nil {
			return err
		}
		theirs, err := dockerFirstByte(ctx)
		if err != nil {
			return err
		}
		if n > 0 { // the first is a warm-up
			worker, docker = append(worker, milliseconds(ours)), append(docker, milliseconds(theirs))
		}
	}
	fmt.Printf("first byte of output: %d tasks each, one at a time, taking turns\n\n", s.size.firstBytes)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\tmedian, ms\t95 % within, ms\t")
	fmt.Fprintf(out, "published task to task.log\t%.0f\t%.0f\t\n", median(worker), quantile(worker, 0.95))
	fmt.Fprintf(out, "`docker run --rm` to its output\t%.0f\t%.0f\t\n", median(docker), quantile(docker, 0.95))
	fmt.Fprintf(out, "ratio\t%.2f\t%.2f\t\n", median(worker)/median(docker), quantile(worker, 0.95)/quantile(docker, 0.95))
	s.promises.atMost(s.goals.firstByte, median(worker)/median(docker), "", "time to the first byte / docker run's, medians")
	return out.Flush()
}

// firstByte sends a task and waits for its log, then for its end.
func (p *program) firstByte(ctx context.Context) (took time.Duration, err error) {
	begun := time.Now()
	id, err := p.send(ctx, speak)
	if err != nil {
		return 0, err
	}
	for {
		m, err := p.hear(ctx)
		switch {
		case err != nil:
			return 0, err
		case m.CorrelationId != id:
		case m.Type == "task.log" && took == 0:
			took = time.Since(begun)
		case m.Type == "task.completed" && took > 0:
			return took, nil
		case m.Type != "task.log":
			return 0, fmt.Errorf("a task ended with %s: %s", m.Type, m.Body)
		}
	}
}

func dockerFirstByte(ctx context.Context) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "docker", "run", "--rm", image, "echo", "hello")
	output, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("docker run: %w", err)
	}
	_, err = io.ReadFull(output, make([]byte, 1))
	took := time.Since(begun)
	_, _ = io.Copy(io.Discard, output)
	if werr := cmd.Wait(); err == nil {
		err = werr
	}
	if err != nil {
		return 0, fmt.Errorf("docker run: %w", err)
	}
	return took, nil
}
