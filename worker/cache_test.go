package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cachesOf are the caches of worker w1 on an engine, which a process of it finds.
func cachesOf(t *testing.T, engine *fakeEngine, file string) *caches {
	t.Helper()
	c := newCaches(engine, slog.New(slog.DiscardHandler), "w1", file)
	if err := c.load(t.Context(), func(string, string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *caches) mustTake(t *testing.T, name, holder string) string {
	t.Helper()
	volume, err := c.take(t.Context(), name, holder)
	if err != nil {
		t.Fatal(err)
	}
	return volume
}

// The instance that was used last comes first, one that is held is nobody else's, and a name is not another.
func TestCacheTakesTheLastUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), cacheFile)
	engine := newFakeEngine()
	c := cachesOf(t, engine, file)
	first, second := c.mustTake(t, "npm", "a/1"), c.mustTake(t, "npm", "b/1")
	if again := c.mustTake(t, "npm", "a/1"); again != first {
		t.Errorf("whoever has %s gets %s as well", first, again)
	}
	if other := c.mustTake(t, "pip", "a/1"); other == first || other == second {
		t.Errorf("another name gets %s", other)
	}
	if first == second {
		t.Fatalf("two have %s", first)
	}
	c.giveBack("b/1", false)
	uses := c.giveBack("a/1", false)
	if len(uses) != 2 || uses[0].Instance != first || uses[0].Reused || uses[1].Name != "pip" {
		t.Errorf("a had %+v", uses)
	}
	for process, c := range map[string]*caches{"the same": c, "the next": cachesOf(t, engine, file), "the next, without its file": cachesOf(t, engine, file+".lost")} {
		got := []string{c.mustTake(t, "npm", "c/1"), c.mustTake(t, "npm", "d/1")}
		if process == "the next, without its file" { // then any order will do
			slices.Sort(got)
			want := []string{first, second}
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s process (-want +got):\n%s", process, diff)
			}
			continue
		}
		if diff := cmp.Diff([]string{first, second}, got); diff != "" {
			t.Errorf("%s process (-want +got):\n%s", process, diff)
		}
		if uses := c.giveBack("d/1", false); len(uses) != 1 || !uses[0].Reused {
			t.Errorf("%s process: d had %+v, want a used one", process, uses)
		}
	}
}

// What is purged is never given to anybody again, whether the engine removes it or not, and whoever asks.
func TestCachePurgedIsGone(t *testing.T) {
	file := filepath.Join(t.TempDir(), cacheFile)
	engine := newFakeEngine()
	c := cachesOf(t, engine, file)
	volume := c.mustTake(t, "npm", "a/1")
	if uses := c.giveBack("a/1", true); len(uses) != 1 || !uses[0].Purged {
		t.Errorf("a had %+v", uses)
	}
	engine.script(onVolumeRemove, engineAnswer(409))
	if err := c.removePurged(t.Context()); err == nil {
		t.Error("that the engine refuses is not told")
	}
	for process, c := range map[string]*caches{"the same": c, "the next": cachesOf(t, engine, file)} {
		if again := c.mustTake(t, "npm", "b/1"); again == volume {
			t.Errorf("%s process gives %s to somebody", process, volume)
		}
		if err := c.removePurged(t.Context()); err != nil {
			t.Errorf("%s process: %v", process, err)
		}
		if slices.Contains(engine.volumes().names(), volume) {
			t.Errorf("%s process does not remove it", process)
		}
	}
}

// A volume that somebody removed is made again, and is not taken for a used one.
func TestCacheThatVanished(t *testing.T) {
	engine := newFakeEngine()
	c := cachesOf(t, engine, filepath.Join(t.TempDir(), cacheFile))
	volume := c.mustTake(t, "npm", "a/1")
	c.giveBack("a/1", false)
	if err := engine.VolumeRemove(t.Context(), volume, false); err != nil {
		t.Fatal(err)
	}
	if again := c.mustTake(t, "npm", "b/1"); again != volume {
		t.Errorf("b gets %s, want %s once more", again, volume)
	}
	if uses := c.giveBack("b/1", false); uses[0].Reused {
		t.Error("an empty one is told as used")
	}
}

// An engine in trouble is the engine's fault, and holds nothing.
func TestCacheThatCannotBeMade(t *testing.T) {
	engine := newFakeEngine()
	engine.script(onVolumeCreate, engineAnswer(500))
	c := cachesOf(t, engine, filepath.Join(t.TempDir(), cacheFile))
	_, err := c.take(t.Context(), "npm", "a/1")
	if taskErr, ok := errors.AsType[*TaskError](err); !ok || taskErr.Reason != ResourceUnavailable {
		t.Errorf("error: %v", err)
	}
	c.giveBack("a/1", false)
	if volume := c.mustTake(t, "npm", "b/1"); volume != engine.volumes().only(t) {
		t.Errorf("b has %s, which is not there", volume)
	}
}

// However long names are, a volume's is one that a file system takes.
func TestCacheNamesAreShort(t *testing.T) {
	c := newCaches(newFakeEngine(), slog.New(slog.DiscardHandler), strings.Repeat("w", 128), "")
	if n := len(c.newVolume(strings.Repeat("c", 128))); n > 255 {
		t.Errorf("%d characters", n)
	}
}

// 30 attempts over three names, four at a time: no instance is held twice at once, and no more of them are made than are
// held at a time.
func TestCacheIsHeldByOneAtATime(t *testing.T) {
	engine := newFakeEngine()
	c := cachesOf(t, engine, filepath.Join(t.TempDir(), cacheFile))
	names := []string{"npm", "pip", "go"}
	var mu sync.Mutex
	held := map[string]string{}
	reused := 0
	work := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for n := range work {
				holder, name := fmt.Sprintf("t%d/1", n), names[rand.IntN(len(names))]
				volume, err := c.take(context.Background(), name, holder)
				if err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				if other := held[volume]; other != "" {
					t.Errorf("%s has %s, which %s has", holder, volume, other)
				}
				held[volume] = holder
				mu.Unlock()
				time.Sleep(rand.N(time.Millisecond)) // so that they meet
				mu.Lock()
				delete(held, volume)
				mu.Unlock()
				for _, use := range c.giveBack(holder, false) {
					mu.Lock()
					if use.Reused {
						reused++
					}
					mu.Unlock()
				}
			}
		})
	}
	for n := range 30 {
		work <- n
	}
	close(work)
	workers.Wait()
	made := len(engine.volumes().names())
	if made > 12 || reused != 30-made {
		t.Errorf("%d volumes were made, and %d times a used one was taken, of 30", made, reused)
	}
}
