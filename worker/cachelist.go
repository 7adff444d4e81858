package worker

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// Cache is one instance of a cache: a volume.
type Cache struct {
	Name   string
	Volume string
	Size   int64     // bytes, -1 where the engine cannot tell
	Used   time.Time // when a task gave it back last; the zero time where that is not known
	Holder string    // task/attempt that has it now, "" for none
}

// ListCaches lists the caches of a worker, by name and the last used first. The worker may run or not.
func ListCaches(ctx context.Context, engine Engine, workerID, stateDir string) ([]Cache, error) {
	volumes, err := engine.VolumeList(ctx, dockerapi.Filters{"label": {LabelWorker + "=" + workerID, LabelCache}})
	if err != nil {
		return nil, fmt.Errorf("look for caches: %w", err)
	}
	containers, err := engine.ContainerList(ctx, dockerapi.ListOptions{
		All:     true,
		Filters: dockerapi.Filters{"label": {LabelWorker + "=" + workerID, LabelCaches}},
	})
	if err != nil {
		return nil, fmt.Errorf("look for containers that have caches: %w", err)
	}
	holders := map[string]string{}
	for _, container := range containers {
		for volume := range heldCaches(container.Labels[LabelCaches]) {
			holders[volume] = cacheHolder(container.Labels[LabelTask], container.Labels[LabelAttempt])
		}
	}
	sizes, err := volumeSizes(ctx, engine)
	if err != nil {
		return nil, fmt.Errorf("count the bytes of caches: %w", err)
	}
	states, err := readCacheStates(filepath.Join(stateDir, workerID, cacheFile))
	if err != nil {
		return nil, err
	}
	found := make([]Cache, 0, len(volumes))
	for _, v := range volumes {
		size, ok := sizes[v.Name]
		if !ok {
			size = -1
		}
		found = append(found, Cache{Name: v.Labels[LabelCache], Volume: v.Name, Size: size, Used: states[v.Name].Used, Holder: holders[v.Name]})
	}
	slices.SortFunc(found, func(a, b Cache) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), b.Used.Compare(a.Used), cmp.Compare(a.Volume, b.Volume))
	})
	return found, nil
}

// PurgeCaches removes the caches of a worker that have one of the names, or all where there are no names. The worker may
// run or not: what a container has is left alone, and told as busy.
func PurgeCaches(ctx context.Context, engine Engine, workerID, stateDir string, names ...string) (removed, busy []Cache, err error) {
	found, err := ListCaches(ctx, engine, workerID, stateDir)
	if err != nil {
		return nil, nil, err
	}
	for _, cache := range found {
		if len(names) > 0 && !slices.Contains(names, cache.Name) {
			continue
		}
		err := engine.VolumeRemove(ctx, cache.Volume, false)
		switch {
		case dockerapi.IsConflict(err):
			busy = append(busy, cache)
		case err != nil:
			return removed, busy, fmt.Errorf("remove cache %s: %w", cache.Volume, err)
		default:
			removed = append(removed, cache)
		}
	}
	return removed, busy, nil
}
