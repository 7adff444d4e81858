package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// Labels of caches. A volume that is one has the first, a container that has some of them the second.
const (
	LabelCache  = "docker-worker.cache"  // the cache's name
	LabelCaches = "docker-worker.caches" // name=volume, with commas between

	// labelCacheMaker is the attempt that made the volume: for all others it is a used one.
	labelCacheMaker = "docker-worker.cache.made-by"
)

// caches are the named volumes of a worker. A name can have several instances, which are volumes: one attempt at a task
// at a time holds an instance, and where all are held another is made. All methods may be called from several
// goroutines.
type caches struct {
	engine cacheEngine
	logger *slog.Logger
	worker string // id
	file   string // keeps what no label can say

	mu        sync.Mutex
	instances map[string]*cacheInstance // by volume
	released  chan struct{}             // holds one token when something was given back
}

// cacheEngine is what caches need of an engine.
type cacheEngine interface {
	volumeEngine
	ContainerList(ctx context.Context, opts dockerapi.ListOptions) ([]dockerapi.ContainerSummary, error)
}

// cacheInstance is one volume.
type cacheInstance struct {
	name   string
	volume string
	maker  string    // the attempt that made it
	holder string    // the attempt that has it, "" for none
	used   time.Time // when it was given back last
	purged bool      // nobody gets it any more; the volume goes as soon as the engine lets it
}

// CacheUse is what an attempt at a task had of a cache.
type CacheUse struct {
	Name     string `json:"name"`
	Instance string `json:"instance"` // the volume
	Reused   bool   `json:"reused"`   // another attempt had filled it before
	Purged   bool   `json:"purged"`   // it was thrown away at the end
}

func newCaches(engine cacheEngine, logger *slog.Logger, workerID, file string) *caches {
	return &caches{engine: engine, logger: logger, worker: workerID, file: file,
		instances: map[string]*cacheInstance{}, released: make(chan struct{}, 1)}
}

// take gives the holder an instance of a cache, the most recently used one that is free, and makes sure that its volume
// exists. A holder that has one already keeps it. It returns the volume's name.
func (c *caches) take(ctx context.Context, name, holder string) (string, error) {
	i := c.pick(name, holder)
	volume, err := c.engine.VolumeCreate(ctx, dockerapi.VolumeConfig{Name: i.volume, Labels: c.labels(name, holder)})
	if err != nil {
		return "", engineTrouble("make the volume of cache "+name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// The engine returns a volume that exists as it is. One that somebody removed meanwhile is new, and empty.
	i.maker = volume.Labels[labelCacheMaker]
	return i.volume, nil
}

// labels are those of a new volume.
func (c *caches) labels(name, holder string) map[string]string {
	return map[string]string{LabelWorker: c.worker, LabelCache: name, labelCacheMaker: holder}
}

// pick finds an instance, or names a new one, and marks it as held.
func (c *caches) pick(name, holder string) *cacheInstance {
	c.mu.Lock()
	defer c.mu.Unlock()
	var best *cacheInstance
	for _, i := range c.instances {
		switch {
		case i.name != name || i.purged:
		case i.holder == holder:
			return i
		case i.holder == "" && (best == nil || i.used.After(best.used)):
			best = i
		}
	}
	if best == nil {
		best = &cacheInstance{name: name, volume: c.newVolume(name)}
		c.instances[best.volume] = best
	}
	best.holder = holder
	return best
}

// newVolume is a name that no volume has had: a purged one may be there still. The engine makes a directory of it, so a
// long name of a cache is cut short.
func (c *caches) newVolume(name string) string {
	const longest = 64
	return fmt.Sprintf("docker-worker.%s.cache.%s.%s", c.worker, name[:min(len(name), longest)], strings.ToLower(rand.Text()[:12]))
}

// giveBack ends a holder's hold on its caches and tells what they were, by name. Where they are purged nobody gets them
// any more from here on; the volumes are removed by remove.
func (c *caches) giveBack(holder string, purge bool) []CacheUse {
	c.mu.Lock()
	defer c.mu.Unlock()
	var uses []CacheUse
	for _, i := range c.instances {
		if i.holder == holder {
			i.holder, i.used, i.purged = "", time.Now().UTC(), i.purged || purge
			uses = append(uses, CacheUse{Name: i.name, Instance: i.volume, Reused: i.maker != holder, Purged: i.purged})
		}
	}
	if len(uses) == 0 {
		return nil
	}
	c.save()
	select {
	case c.released <- struct{}{}:
	default:
	}
	slices.SortFunc(uses, func(a, b CacheUse) int { return strings.Compare(a.Name, b.Name) })
	return uses
}

// purge takes volumes out of the index, whether it knew them or not: names by volume, as heldCaches has them.
func (c *caches) purge(volumes map[string]string) {
	if len(volumes) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for volume, name := range volumes {
		if c.instances[volume] == nil {
			c.instances[volume] = &cacheInstance{name: name, volume: volume}
		}
		c.instances[volume].purged = true
	}
	c.save()
}

// removePurged removes the volumes that were purged and that nobody holds. Those that the engine does not let go yet are
// tried again by the reaper.
func (c *caches) removePurged(ctx context.Context) error {
	c.mu.Lock()
	doomed := slices.DeleteFunc(slices.Sorted(maps.Keys(c.instances)), func(volume string) bool {
		i := c.instances[volume]
		return !i.purged || i.holder != ""
	})
	c.mu.Unlock()
	var failed []error
	for _, volume := range doomed {
		if err := c.engine.VolumeRemove(ctx, volume, false); err != nil {
			failed = append(failed, fmt.Errorf("remove cache %s: %w", volume, err))
			continue
		}
		c.mu.Lock()
		delete(c.instances, volume)
		c.save()
		c.mu.Unlock()
	}
	return errors.Join(failed...)
}

// heldCaches reads LabelCaches: the names of the caches that a container has, by volume.
func heldCaches(label string) map[string]string {
	held := map[string]string{}
	for pair := range strings.SplitSeq(label, ",") {
		if name, volume, ok := strings.Cut(pair, "="); ok {
			held[volume] = name
		}
	}
	return held
}
