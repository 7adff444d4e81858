package worker

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Above the limit goes what was not used for the longest time, and never what is held. Counting waits a minute.
func TestCachesAreKeptBelowTheirLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine()
		c := cachesOf(t, engine, filepath.Join(t.TempDir(), cacheFile))
		var volumes []string
		for _, name := range []string{"oldest", "older", "newest"} {
			volumes = append(volumes, c.mustTake(t, name, name+"/1"))
			engine.volumes().sizes[volumes[len(volumes)-1]] = 40
			pass(time.Second)
			if name != "oldest" {
				c.giveBack(name+"/1", false)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var tending sync.WaitGroup
		tending.Go(func() { c.keepBelow(ctx, 100) })
		synctest.Wait()
		left := slices.Sorted(slices.Values([]string{volumes[0], volumes[2]})) // the oldest is held
		if diff := cmp.Diff(left, engine.volumes().names()); diff != "" {
			t.Errorf("volumes at the start (-want +got):\n%s", diff)
		}
		engine.volumes().mu.Lock()
		engine.volumes().sizes[volumes[0]] = 200
		engine.volumes().mu.Unlock()
		c.giveBack("oldest/1", false)
		pass(cacheInterval - time.Second)
		if n := engine.called(onDataUsage); n != 2 { // once in vain, with a field that is too new
			t.Errorf("the engine is asked %d times within a minute", n)
		}
		pass(time.Second)
		synctest.Wait()
		if left := engine.volumes().names(); len(left) != 0 {
			t.Errorf("volumes after a minute: %v; the last one alone is too large", left)
		}
		cancel()
		tending.Wait()
	})
}
