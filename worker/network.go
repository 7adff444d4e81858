package worker

import (
	"context"
	"strconv"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// networkStage makes a network for a task that has services: they find each other there by name, and nobody else is on
// it. It has no way out where the task wants none.
type networkStage struct {
	engine  networkEngine
	subnets *subnets
	worker  workerFacts
}

func (s networkStage) Name() string { return "network" }

func (s networkStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	if len(r.Task.Services) == 0 {
		return nil, nil
	}
	name := containerName(s.worker.ID, r.TaskID, r.Attempt)
	// From the first try on there may be one, as with containers.
	teardown := func(ctx context.Context, _ *Outcome) error { return removeNetwork(ctx, s.engine, name) }
	r.Container.HostConfig.NetworkMode = name
	err := s.subnets.create(ctx, s.engine, dockerapi.NetworkConfig{
		Name:     name,
		Driver:   "bridge",
		Internal: r.Task.Network == "none",
		Labels:   attemptLabels(s.worker.ID, r.TaskID, r.Attempt),
	})
	if err != nil {
		if _, missing := s.engine.NetworkInspect(ctx, name); missing == nil {
			return teardown, nil // an earlier process made it
		}
	}
	return teardown, err
}

const (
	// networkRemovals is how often the removal of a network is tried: the engine may hold on to a container's place in
	// it for a moment after the container is gone.
	networkRemovals     = 10
	networkRemovalPause = 200 * time.Millisecond
)

// removeNetwork removes a network that no container is in any more. One that does not exist is success.
func removeNetwork(ctx context.Context, engine networkEngine, name string) error {
	for try := 1; ; try++ {
		err := engine.NetworkRemove(ctx, name)
		if err == nil || try == networkRemovals || dockerapi.IsUnavailable(err) {
			return err
		}
		if sleep(ctx, networkRemovalPause) != nil {
			return err
		}
	}
}

// attemptLabels are what everything carries that belongs to an attempt at a task.
func attemptLabels(workerID, taskID string, attempt int) map[string]string {
	return map[string]string{LabelWorker: workerID, LabelTask: taskID, LabelAttempt: strconv.Itoa(attempt)}
}
