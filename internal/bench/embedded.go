package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker"
)

// embedded is what a worker within this process needs for its tasks, beyond what it needs without.
type embedded struct {
	Heap       int64 // bytes in use
	Stacks     int64 // bytes
	Goroutines int
}

// printEmbedded is the bench in a process of its own, which ends with it.
func printEmbedded(ctx context.Context, tasks int, host string) error {
	e, err := embed(ctx, tasks, host)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(e)
}

// embed runs tasks on an engine whose containers do not end by themselves, measures when all have been asked once what
// they use, and stops them. There is no broker: tasks are handed out, and events are thrown away.
func embed(ctx context.Context, tasks int, host string) (e embedded, err error) {
	client, err := dockerapi.New(dockerapi.Config{Host: host, MaxIdleConns: 4 * tasks})
	if err != nil {
		return e, err
	}
	defer client.Close()
	dir, err := os.MkdirTemp("", "docker-worker-bench-")
	if err != nil {
		return e, err
	}
	defer os.RemoveAll(dir)
	source, engine := &handout{left: make(chan int, tasks)}, &sampledEngine{Engine: worker.Docker(client), all: make(chan struct{}), tasks: int64(tasks)}
	w, err := worker.New(worker.Config{ID: "embedded", Queue: "none", Engine: engine, Source: source, Events: nobody{}, StateDir: dir, Capacity: tasks, KeepLog: true})
	if err != nil {
		return e, err
	}
	intake, endIntake := context.WithCancel(ctx)
	defer endIntake()
	work, endWork := context.WithCancelCause(ctx)
	defer endWork(nil)
	before := inventory()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(intake, work) }()
	for n := range tasks {
		source.left <- n
	}
	select {
	case <-engine.all:
		after := inventory()
		e = embedded{Heap: after.Heap - before.Heap, Stacks: after.Stacks - before.Stacks, Goroutines: after.Goroutines - before.Goroutines}
	case err := <-ended:
		return e, fmt.Errorf("the worker ended early: %w", err)
	case <-ctx.Done():
		return e, context.Cause(ctx)
	}
	endIntake()
	endWork(worker.ErrShutdown)
	return e, <-ended
}

// inventory counts what is in use after a collection.
func inventory() embedded {
	runtime.GC()
	runtime.GC() // what the first one found is swept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return embedded{Heap: int64(m.HeapAlloc), Stacks: int64(m.StackInuse), Goroutines: runtime.NumGoroutine()}
}

// sampledEngine closes all when as many samples have been taken as there are tasks.
type sampledEngine struct {
	worker.Engine
	samples, tasks int64
	all            chan struct{}
}

func (e *sampledEngine) ContainerStats(ctx context.Context, id string) (dockerapi.Stats, error) {
	stats, err := e.Engine.ContainerStats(ctx, id)
	if atomic.AddInt64(&e.samples, 1) == e.tasks {
		close(e.all)
	}
	return stats, err
}

// handout is a source of the tasks whose numbers it is given.
type handout struct{ left chan int }

func (h *handout) Receive(ctx context.Context) (*worker.Delivery, error) {
	select {
	case n := <-h.left:
		return &worker.Delivery{Claim: held{make(chan struct{})}, Body: []byte(nothing), MessageID: fmt.Sprint(n), Queue: "none"}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (h *handout) Resume(context.Context) ([]*worker.Delivery, error) { return nil, nil }

// held is a claim that nobody takes away.
type held struct{ lost chan struct{} }

func (h held) Lost() <-chan struct{}            { return h.lost }
func (h held) Until() time.Time                 { return time.Time{} }
func (h held) Hold(context.Context, int) error  { return nil }
func (h held) Done(context.Context) error       { return nil }
func (h held) DeadLetter(context.Context) error { return nil }
func (h held) Retry(context.Context, int) error { return nil }
func (h held) GiveBack(context.Context) error   { return nil }

// nobody takes all events.
type nobody struct{}

func (nobody) Publish(context.Context, ...worker.Message) error { return nil }
