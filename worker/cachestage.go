package worker

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// cacheStage mounts the caches that a task asks for. It comes before the container is made, and so ends when the
// container is gone.
type cacheStage struct {
	caches  *caches
	engine  containerEngine
	discard bool // nothing outlives the task
	worker  workerFacts
}

func (s cacheStage) Name() string { return "caches" }

func (s cacheStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	if len(r.Task.Cache) == 0 {
		return nil, nil
	}
	teardown := func(ctx context.Context, out *Outcome) error {
		out.Caches = s.caches.giveBack(r.cacheHolder(), s.discard || spoils(r, out) || s.inUse(ctx, r))
		return s.caches.removePurged(ctx)
	}
	held := make([]string, 0, len(r.Task.Cache))
	for _, name := range slices.Sorted(maps.Keys(r.Task.Cache)) {
		volume, err := s.caches.take(ctx, name, r.cacheHolder())
		if err != nil {
			return teardown, err
		}
		held = append(held, name+"="+volume)
		r.Container.HostConfig.Mounts = append(r.Container.HostConfig.Mounts, dockerapi.Mount{
			Type: "volume", Source: volume, Target: r.Task.Cache[name],
			// The engine makes a volume that somebody removes meanwhile, as ours.
			VolumeOptions: &dockerapi.VolumeOptions{Labels: s.caches.labels(name, r.cacheHolder())},
		})
	}
	r.label(LabelCaches, strings.Join(held, ","))
	return teardown, nil
}

// spoils tells whether the caches of a task must not be used again: its exit code says so, or the command was cut off
// and may have left them half-written.
func spoils(r *Run, out *Outcome) bool {
	switch out.Reason {
	case Completed, Failed, IntermittentTask, StartFailed:
		if out.ExitCode != nil {
			return slices.Contains(r.Task.OnExitStatus.PurgeCaches, *out.ExitCode)
		}
	}
	return r.ContainerID != "" || r.past.has(TaskStarted)
}

// inUse tells whether the container is there still, because the engine did not remove it. The reaper will, and then the
// volumes go with it.
func (s cacheStage) inUse(ctx context.Context, r *Run) bool {
	if r.ContainerID == "" {
		return false
	}
	_, err := s.engine.ContainerInspect(ctx, containerName(s.worker.ID, r.TaskID, r.Attempt))
	return !dockerapi.IsNotFound(err)
}

// cacheHolder is this attempt, as the caches know it.
func (r *Run) cacheHolder() string { return cacheHolder(r.TaskID, strconv.Itoa(r.Attempt)) }
