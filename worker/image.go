package worker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// imageStage makes sure that the image is on the host, and pins it: the container is made from the image's id, because
// a tag may point to something else by then.
type imageStage struct {
	images *images
	limit  time.Duration // for a pull, whatever its progress
}

func (s imageStage) Name() string { return "image" }

func (s imageStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	r.move(Preparing, preparingDetails{Stage: s.Name()})
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit,
		taskErrorf(ResourceUnavailable, "pull image %s: not done after %v", r.Task.Image.Reference, s.limit))
	defer cancel()
	reference := r.Task.Image.Reference
	image, err := s.images.ensure(ctx, reference, func(p ImageProgress) {
		r.emit(TaskPreparing, time.Now().UTC(), preparingDetails{Stage: s.Name(), Progress: &p})
	})
	if err != nil {
		return nil, err
	}
	r.Image = imageFact{Reference: reference.String(), ID: image.ID, Digest: digestOf(image, reference)}
	r.Container.Image = image.ID
	if len(image.Config.Cmd) == 0 && len(image.Config.Entrypoint) == 0 && len(r.Task.Command) == 0 && len(r.Task.Entrypoint) == 0 {
		return nil, &task.MalformedError{Problems: []task.Problem{{Pointer: "/command", Message: fmt.Sprintf(
			"is required: image %s has neither a CMD nor an ENTRYPOINT", reference)}}}
	}
	return nil, nil
}

// digestOf is the registry's name for the image, among those that it has for it, "" for an image made on this host.
func digestOf(image dockerapi.Image, ref task.Reference) string {
	for _, digest := range image.RepoDigests {
		if strings.HasPrefix(digest, ref.Name+"@") {
			return digest
		}
	}
	if len(image.RepoDigests) > 0 {
		return image.RepoDigests[0]
	}
	return ""
}
