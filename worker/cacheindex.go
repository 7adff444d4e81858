package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// cacheFile is the name of the file, in the worker's directory, that keeps what the labels of a volume cannot say,
// because they never change. When it is lost, so is the order in which caches were used, and a purge that the engine
// has not obeyed yet.
const cacheFile = "caches.json"

// cacheState is what the file holds of a volume.
type cacheState struct {
	Used   time.Time `json:"used"`
	Purged bool      `json:"purged,omitempty"`
}

// load makes the index of what the engine has, for a worker that holds nothing yet. Caches of containers that explain
// knows are held by their attempts, as they were by an earlier process.
func (c *caches) load(ctx context.Context, explain func(taskID, attempt string) bool) error {
	volumes, err := c.engine.VolumeList(ctx, dockerapi.Filters{"label": {LabelWorker + "=" + c.worker, LabelCache}})
	if err != nil {
		return fmt.Errorf("look for caches: %w", err)
	}
	containers, err := c.engine.ContainerList(ctx, dockerapi.ListOptions{
		All:     true,
		Filters: dockerapi.Filters{"label": {LabelWorker + "=" + c.worker, LabelCaches}},
	})
	if err != nil {
		return fmt.Errorf("look for containers that have caches: %w", err)
	}
	states, err := readCacheStates(c.file)
	if err != nil {
		c.logger.Warn("cannot read when caches were used; the order is lost", "error", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.instances)
	for _, v := range volumes {
		state := states[v.Name]
		c.instances[v.Name] = &cacheInstance{name: v.Labels[LabelCache], volume: v.Name, maker: v.Labels[labelCacheMaker],
			used: state.Used, purged: state.Purged}
	}
	for _, container := range containers {
		task, attempt := container.Labels[LabelTask], container.Labels[LabelAttempt]
		if !explain(task, attempt) {
			continue
		}
		for volume := range heldCaches(container.Labels[LabelCaches]) {
			if i := c.instances[volume]; i != nil {
				i.holder = cacheHolder(task, attempt)
			}
		}
	}
	return nil
}

// save writes the file anew. That it cannot be written matters only to the next process. Called with mu held.
func (c *caches) save() {
	states := map[string]cacheState{}
	for volume, i := range c.instances {
		states[volume] = cacheState{Used: i.used, Purged: i.purged}
	}
	if err := writeCacheStates(c.file, states); err != nil {
		c.logger.Warn("cannot keep when caches were used", "error", err)
	}
}

// readCacheStates reads the file; one that is not there holds nothing.
func readCacheStates(file string) (map[string]cacheState, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the states of caches: %w", err)
	}
	var states map[string]cacheState
	if err := json.Unmarshal(text, &states); err != nil {
		return nil, fmt.Errorf("read the states of caches in %s: %w", file, err)
	}
	return states, nil
}

// writeCacheStates replaces the file: whoever reads it meanwhile finds the old one or the new one.
func writeCacheStates(file string, states map[string]cacheState) error {
	text, err := json.Marshal(states)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), cacheFile+".*")
	if err != nil {
		return err
	}
	_, err = fresh.Write(text)
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	return nil
}

// cacheHolder names an attempt at a task.
func cacheHolder(taskID, attempt string) string { return taskID + "/" + attempt }
