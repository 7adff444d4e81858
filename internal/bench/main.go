// Command bench shows what the worker costs: beside its engine, and as the work grows. Everything that it compares it
// measures in the same run, in small rounds that take turns, so that what else the machine does meets all alike. It
// prints tables, and at the end which promises hold. Ratios mean something; the times of a shared machine do not.
//
//	go run ./internal/bench                     everything, in less than ten minutes
//	go run ./internal/bench -quick              the same with few rounds, in less than one
//	go run ./internal/bench -only start,growth  some chapters: throughput, first-byte, start, growth
//	go run ./internal/bench -only lease         what a lease adds to a task; not a part of everything
//
// It needs bin/docker-worker (make build), the docker command, the image docker-worker/taskenv-pass, an engine and a
// broker.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const image = "docker-worker/taskenv-pass:latest"

// session is one run of the bench.
type session struct {
	url, binary string
	client      *dockerapi.Client // of the real engine
	goals       goals             // with that engine
	size        size
	promises    promises
}

// size says how much is measured.
type size struct {
	capacities []int // of the throughput
	rounds     int   // measured ones, after one to warm up
	tasks      int   // in a round, at the least
	waves      int   // so many for each that runs at a time, where that is more
	firstBytes int   // tasks of which the first byte is awaited
	starts     int   // of the worker
	growth     []int // tasks running at a time on the fake engine
}

var (
	fullSize  = size{capacities: []int{1, 2, 4, 8}, rounds: 6, tasks: 8, waves: 3, firstBytes: 40, starts: 10, growth: []int{10, 100, 1000}}
	quickSize = size{capacities: []int{1, 4}, rounds: 1, tasks: 4, waves: 2, firstBytes: 5, starts: 10, growth: []int{1000}}
)

// chapters in the order in which they are measured and printed. A lease's is asked for by its name.
var chapters = []struct {
	name  string
	asked bool
	run   func(ctx context.Context, s *session) error
}{
	{"throughput", false, compareThroughput},
	{"first-byte", false, compareFirstBytes},
	{"start", false, measureStarts},
	{"growth", false, measureGrowth},
	{"lease", true, compareLeases},
}

func main() {
	quick := flag.Bool("quick", false, "few rounds, in less than a minute")
	only := flag.String("only", "", "names of chapters, with commas between")
	capacities := flag.String("capacities", "", "numbers of tasks at a time, with commas between")
	rounds := flag.Int("rounds", 0, "measured rounds of each kind")
	url := flag.String("amqp", "amqp://guest:guest@127.0.0.1:5672", "broker")
	binary := flag.String("worker", "bin/docker-worker", "the program to measure")
	embedded := flag.Int("embedded", 0, "run this many tasks within this process and say what they cost; for the bench itself")
	flag.Parse()
	if *embedded > 0 {
		exit(printEmbedded(context.Background(), *embedded, os.Getenv("DOCKER_HOST")))
	}
	s := &session{url: *url, binary: *binary, size: fullSize}
	if *quick {
		s.size = quickSize
	}
	if *rounds > 0 {
		s.size.rounds = *rounds
	}
	if *capacities != "" {
		s.size.capacities = nil
		for field := range strings.SplitSeq(*capacities, ",") {
			n, err := strconv.Atoi(field)
			if err != nil || n < 1 {
				exit(fmt.Errorf("-capacities: %q is no number of tasks", field))
			}
			s.size.capacities = append(s.size.capacities, n)
		}
	}
	// Whatever ends it, what it made is removed.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := s.run(ctx, *only)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures the chapters that are named, or all.
func (s *session) run(ctx context.Context, only string) (err error) {
	if s.client, err = dockerapi.New(dockerapi.Config{Host: os.Getenv("DOCKER_HOST")}); err != nil {
		return err
	}
	defer s.client.Close()
	engine, err := s.client.Negotiate(ctx)
	if err != nil {
		return err
	}
	s.goals = goalsWith(engine.EngineVersion)
	file, err := os.Stat(s.binary)
	if err != nil {
		return err
	}
	wanted := strings.FieldsFunc(only, func(r rune) bool { return r == ',' })
	begun := time.Now()
	fmt.Printf("engine %s, API %s; %s; worker of %.1f MB\n", engine.EngineVersion, engine.APIVersion, machineLoad(), float64(file.Size())/1e6)
	for _, chapter := range chapters {
		if slices.Contains(wanted, chapter.name) || len(wanted) == 0 && !chapter.asked {
			fmt.Println()
			if err := chapter.run(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", chapter.name, err)
			}
			wanted = slices.DeleteFunc(wanted, func(name string) bool { return name == chapter.name })
			if len(wanted) == 0 && only != "" {
				break
			}
		}
	}
	if len(wanted) > 0 {
		return fmt.Errorf("-only: there is no chapter %s", strings.Join(wanted, ", "))
	}
	s.promises.atMost(binaryMost/1e6, float64(file.Size())/1e6, " MB", "size of the program")
	fmt.Printf("\nafter %v: %s\n", time.Since(begun).Round(time.Second), machineLoad())
	s.promises.print(os.Stdout)
	return nil
}
