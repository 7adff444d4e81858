// Command bench measures what the worker costs beside its engine: no-op tasks through RabbitMQ, and the same containers
// by a minimal loop of raw API calls, in turn, in one run. It prints ratios: the times of a shared machine mean nothing.
//
//	go run ./internal/bench [-capacities 1,2,4] [-rounds 4] [-tasks 24]
//	go run ./internal/bench -lease-cost [-rounds 20] [-tasks 8]      what a lease adds to a task
//
// It needs bin/docker-worker (make build), the image docker-worker/taskenv-pass, an engine and a broker.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const image = "docker-worker/taskenv-pass:latest"

func main() {
	capacities := flag.String("capacities", "1,2,4", "numbers of tasks at a time")
	rounds := flag.Int("rounds", 4, "measured rounds of each kind, alternating")
	tasks := flag.Int("tasks", 24, "tasks in a round")
	url := flag.String("amqp", "amqp://guest:guest@127.0.0.1:5672", "broker")
	binary := flag.String("worker", "bin/docker-worker", "the program to measure")
	leaseCost := flag.Bool("lease-cost", false, "measure what a lease adds to a task, and nothing else")
	flag.Parse()
	if *leaseCost {
		if err := compareLeases(context.Background(), *rounds, *tasks, *url, *binary); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := bench(context.Background(), *capacities, *rounds, *tasks, *url, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, capacities string, rounds, tasks int, url, binary string) error {
	client, err := dockerapi.New(dockerapi.Config{})
	if err != nil {
		return err
	}
	defer client.Close()
	engine, err := client.Negotiate(ctx)
	if err != nil {
		return err
	}
	size, err := os.Stat(binary)
	if err != nil {
		return err
	}
	fmt.Printf("engine %s, API %s; %d rounds of %d tasks each, alternating; medians\n\n", engine.EngineVersion, engine.APIVersion, rounds, tasks)
	fmt.Println("capacity   worker, tasks/s   raw loop, containers/s   ratio (range)        peak memory of the worker")
	for _, field := range strings.Split(capacities, ",") {
		capacity, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("-capacities: %w", err)
		}
		line, err := compare(ctx, client, capacity, rounds, tasks, url, binary)
		if err != nil {
			return err
		}
		fmt.Println(line)
	}
	fmt.Printf("\nbinary: %.1f MB\n", float64(size.Size())/1e6)
	return nil
}

// compare alternates rounds of both kinds at one capacity. Each pair gives a ratio of its own, so that a machine whose
// speed drifts does not decide.
func compare(ctx context.Context, client *dockerapi.Client, capacity, rounds, tasks int, url, binary string) (string, error) {
	w, err := startWorker(ctx, url, binary, capacity, leaseDefault)
	if err != nil {
		return "", err
	}
	defer w.stop()
	var ours, raws, ratios []float64
	for round := range rounds + 1 {
		our, err := w.round(ctx, tasks)
		if err != nil {
			return "", err
		}
		raw, err := rawRound(ctx, client, capacity, tasks)
		if err != nil {
			return "", err
		}
		if round == 0 {
			continue // warm-up
		}
		ours = append(ours, float64(tasks)/our.Seconds())
		raws = append(raws, float64(tasks)/raw.Seconds())
		ratios = append(ratios, raw.Seconds()/our.Seconds())
	}
	peak, err := w.peakMemory()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%8d   %15.1f   %22.1f   %4.2f (%.2f to %.2f)   %8.1f MB", capacity, median(ours), median(raws),
		median(ratios), slices.Min(ratios), slices.Max(ratios), float64(peak)/1e6), nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

// timed measures f.
func timed(f func() error) (time.Duration, error) {
	begun := time.Now()
	err := f()
	return time.Since(begun), err
}
