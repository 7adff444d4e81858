//go:build integration

package dockerapi

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// leakRounds is how many containers TestEngineLeaksNothing runs: DOCKERAPI_LEAK_ROUNDS, else a few.
func leakRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("DOCKERAPI_LEAK_ROUNDS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Rounds of create, attach, wait, start, remove, a tenth of them cancelled at a random moment, leave no goroutine, no
// file descriptor and no container.
func TestEngineLeaksNothing(t *testing.T) {
	c := engine(t)
	rounds := leakRounds(t)
	const workers = 4
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d rounds, seed %d", rounds, seed)
	one := func(r *rand.Rand, n int) {
		if err := leakRound(t, c, r, n%10 == 0); err != nil {
			t.Errorf("round %d: %v", n, err)
		}
	}
	one(rand.New(rand.NewPCG(seed, 0)), 1) // what is made once is made now
	c.Close()
	goroutines, files := settled(t, 0, 0)

	var group sync.WaitGroup
	numbers := make(chan int)
	for worker := range workers {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(worker)))
			for n := range numbers {
				one(r, n)
			}
		})
	}
	for n := range rounds {
		numbers <- n
	}
	close(numbers)
	group.Wait()
	c.Close()

	goroutinesAfter, filesAfter := settled(t, goroutines, files)
	t.Logf("goroutines %d, then %d; file descriptors %d, then %d", goroutines, goroutinesAfter, files, filesAfter)
	if goroutinesAfter > goroutines || filesAfter > files {
		t.Error("something leaks")
	}
	if swept := leakSweep(t, c); swept > (rounds+9)/10 {
		t.Errorf("%d containers were left, more than rounds were cancelled", swept)
	}
}

// leakSweep removes by label what no removal by name could: an engine goes on with a create whose caller has left, and
// may finish it after the name was looked for. A worker does the same. It returns how many there were, when there are
// none for a while.
func leakSweep(t *testing.T, c *Client) (swept int) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for quiet := 0; quiet < 3; quiet++ {
		left, err := c.ContainerList(ctx, ListOptions{All: true, Filters: Filters{"label": {"dockerapi.test=leak"}}})
		if err != nil {
			t.Fatalf("list what is left: %v", err)
		}
		for _, container := range left {
			if err := c.ContainerRemove(ctx, container.ID, RemoveOptions{Force: true, Volumes: true}); err != nil {
				t.Fatalf("remove what is left: %v", err)
			}
			swept++
			quiet = -1
		}
		if err := sleep(ctx, time.Second); err != nil {
			t.Fatalf("containers keep appearing: %v", err)
		}
	}
	t.Logf("%d containers of cancelled creates swept", swept)
	return swept
}

// leakRound is one container, removed by name whatever happened.
func leakRound(t *testing.T, c *Client, r *rand.Rand, cancelled bool) error {
	name := "dockerapi-leak-" + strconv.FormatUint(r.Uint64(), 36)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if cancelled {
		timer := time.AfterFunc(time.Duration(r.IntN(400))*time.Millisecond, cancel)
		defer timer.Stop()
	}
	runErr := leakRun(ctx, c, name)
	if cancelled && errors.Is(runErr, context.Canceled) {
		runErr = nil
	}
	return errors.Join(runErr, leakRemove(context.WithoutCancel(ctx), c, name))
}

func leakRun(ctx context.Context, c *Client, name string) error {
	_, err := c.ContainerCreate(ctx, name, ContainerConfig{
		Image: testImage, Cmd: []string{"true"}, Labels: map[string]string{"dockerapi.test": "leak"},
		HostConfig: HostConfig{NetworkMode: "none", LogConfig: LogConfig{Type: "none"}},
	})
	if err != nil {
		return err
	}
	stream, err := c.ContainerAttach(ctx, name, AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	defer stream.Close()
	wait, err := c.ContainerWait(ctx, name, WaitNextExit)
	if err != nil {
		return err
	}
	defer wait.Close()
	if err := c.ContainerStart(ctx, name); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return err
	}
	_, err = wait.Result()
	return err
}

// leakRemove removes a container that an engine may still be making: a create that was cancelled can finish later.
func leakRemove(ctx context.Context, c *Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for range 3 {
		if err := c.ContainerRemove(ctx, name, RemoveOptions{Force: true, Volumes: true}); err != nil {
			return err
		}
		if _, err := c.ContainerInspect(ctx, name); IsNotFound(err) {
			return nil
		}
	}
	return errors.New("the container is still there after three removals")
}

// settled waits, 10 seconds at most, until no more goroutines and files are there than given, and counts them.
func settled(t *testing.T, maxGoroutines, maxFiles int) (goroutines, files int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if maxGoroutines == 0 {
		ctx, cancel = context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
	}
	for {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		goroutines, files = runtime.NumGoroutine(), len(entries)
		if goroutines <= maxGoroutines && files <= maxFiles {
			return goroutines, files
		}
		if sleep(ctx, 50*time.Millisecond) != nil {
			return goroutines, files
		}
	}
}
