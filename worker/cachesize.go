package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// cacheInterval is the least time between two counts of what caches take: an engine can be busy with one for minutes.
const cacheInterval = time.Minute

// keepBelow removes what was not used for the longest time when all caches together have more bytes than limit, until
// ctx ends. It counts after caches were given back, and no task waits for it.
func (c *caches) keepBelow(ctx context.Context, limit int64) {
	for {
		if err := c.shrink(ctx, limit); err != nil && ctx.Err() == nil {
			c.logger.Warn("cannot keep the caches below their limit", "error", err)
		}
		if sleep(ctx, cacheInterval) != nil {
			return
		}
		select {
		case <-c.released:
		case <-ctx.Done():
			return
		}
	}
}

// shrink counts once, and purges free instances until the rest fits.
func (c *caches) shrink(ctx context.Context, limit int64) error {
	begun := time.Now()
	sizes, err := volumeSizes(ctx, c.engine)
	if err != nil {
		return fmt.Errorf("count the bytes of caches: %w", err)
	}
	c.mu.Lock()
	var total int64
	var free []*cacheInstance
	for volume, i := range c.instances {
		size, there := sizes[volume]
		total += max(size, 0)
		switch {
		case i.holder != "" || i.purged || i.used.After(begun):
		case !there:
			delete(c.instances, volume) // somebody has removed it
		default:
			free = append(free, i)
		}
	}
	slices.SortFunc(free, func(a, b *cacheInstance) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.volume, b.volume)) })
	doomed := map[string]string{}
	for _, i := range free {
		if total <= limit {
			break
		}
		total -= max(sizes[i.volume], 0)
		i.purged = true
		c.logger.Info("removing a cache, to keep them below their limit", "cache", i.name, "volume", i.volume, "bytes", sizes[i.volume], "used", i.used)
		doomed[i.volume] = i.name
	}
	if len(doomed) > 0 {
		c.save()
	}
	c.mu.Unlock()
	return c.removePurged(ctx)
}

// volumeSizes are the bytes in each volume of the engine, -1 where its driver cannot tell.
func volumeSizes(ctx context.Context, engine volumeEngine) (map[string]int64, error) {
	usage, err := engine.SystemDataUsage(ctx, dockerapi.DiskUsageOptions{Types: []string{"volume"}})
	if _, old := errors.AsType[*dockerapi.UnsupportedError](err); old {
		usage, err = engine.SystemDataUsage(ctx, dockerapi.DiskUsageOptions{}) // it counts everything, or nothing
	}
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, v := range usage.Volumes {
		sizes[v.Name] = v.UsageData.Size
	}
	return sizes, nil
}
