package main

import (
	"path/filepath"
	"testing"

	"github.com/docker-worker/docker-worker/internal/bench/fakeengine"
)

// TestEmbed has a worker run all tasks at a time, and sees that it removes their containers.
func TestEmbed(t *testing.T) {
	engine, err := fakeengine.Start(filepath.Join(t.TempDir(), "engine"))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	const tasks = 3
	most := make(chan int, 1)
	go func() {
		var seen int
		_ = engine.Await(t.Context(), func() bool { seen, _ = engine.Running(); return seen == tasks })
		most <- seen
	}()
	e, err := embed(t.Context(), tasks, engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	if e.Goroutines < tasks || e.Stacks <= 0 {
		t.Errorf("%d tasks need %+v", tasks, e)
	}
	if got := <-most; got != tasks {
		t.Errorf("%d tasks ran at a time, want %d", got, tasks)
	}
	if left, _ := engine.Running(); left != 0 {
		t.Errorf("%d containers run on", left)
	}
}
