package worker

import (
	"context"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// sandboxStage has the container join a network that is ready. It comes right before the container, and so gives the
// network back when the container is gone.
type sandboxStage struct {
	sandboxes *sandboxes
	engine    containerEngine
	worker    workerFacts
}

func (s sandboxStage) Name() string { return "sandbox" }

func (s sandboxStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	if !Joins(r.Task) {
		return nil, nil
	}
	lost := func(cause error) { r.stop(taskErrorf(ResourceUnavailable, "%w", cause)) }
	network := s.sandboxes.heldBy(r.cacheHolder(), lost)
	if network == nil && s.sandboxes.cfg.Count == 0 {
		return nil, nil
	}
	if network == nil && r.delivery.Resumed {
		if _, err := s.engine.ContainerInspect(ctx, containerName(s.worker.ID, r.TaskID, r.Attempt)); !dockerapi.IsNotFound(err) {
			return nil, nil // it has a network of its own; what else is wrong the container stage finds out
		}
	}
	if network == nil {
		var err error
		if network, err = s.sandboxes.take(ctx, r.cacheHolder(), lost); network == nil {
			return nil, err
		}
	}
	r.Container.HostConfig.NetworkMode = "container:" + network.id
	r.label(LabelJoined, formatJoined(network))
	r.sandboxed = true
	r.usage.networkBefore(network.in, network.out)
	return func(ctx context.Context, _ *Outcome) error {
		s.sandboxes.giveBack(ctx, network, func(ctx context.Context) bool {
			_, err := s.engine.ContainerInspect(ctx, containerName(s.worker.ID, r.TaskID, r.Attempt))
			return !dockerapi.IsNotFound(err)
		})
		return nil
	}, nil
}

// Joins tells whether a task's container can join a network that was made before. It has one of its own where the task
// names another network, where services have to be in it, and where a right could be used on the network itself.
func Joins(t *task.Task) bool {
	c := t.Capabilities
	return t.Network == task.DefaultNetwork && len(t.Services) == 0 && !c.Privileged && len(c.Add) == 0
}
