package worker

import (
	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// Preview is the container that a worker would make for a task: for people, before there is a queue, an id or an image.
// The image is named by its reference, and of what the worker sets itself there are only the names.
func Preview(t *task.Task, policy task.Policy) dockerapi.ContainerConfig {
	r := &Run{Task: t, limits: policy.Limits(t.Resources), delivery: &Delivery{}}
	containerStage{}.configure(r)
	r.Container.Image = t.Image.Reference.String()
	r.Container.Labels = nil
	own := map[string]string{}
	for _, name := range task.Reserved {
		own[name] = "…"
	}
	r.Container.Env = environment(t.Env, own)
	return r.Container
}
