package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// LabelService is on the container of a service: its name.
const LabelService = "docker-worker.service"

const (
	// serviceGrace is the time between the stop signal and SIGKILL. The task is over by then.
	serviceGrace = 2 * time.Second
	// serviceDrain is how long the end of a service's output is awaited after its exit.
	serviceDrain = time.Second
)

// service is a container beside the task.
type service struct {
	*servicesStage
	name      string
	spec      task.Service
	container string // the name of the container
	network   string
	id        string
	log       *serviceLog
	logger    *slog.Logger

	following sync.WaitGroup
	ended     chan struct{} // closed when it has ended, or is followed no more
	end       error         // why; valid once ended is closed, and nil where nobody knows
}

// serviceEnd is the end of a service that the task has not come to the end of itself. It is an ErrService.
type serviceEnd struct{ text string }

func (e serviceEnd) Error() string { return e.text }

func (e serviceEnd) Is(target error) bool { return target == ErrService }

// create makes the container. One of that name is what a worker left that died, or an earlier try.
func (s *service) create(ctx context.Context, cfg dockerapi.ContainerConfig) error {
	created, err := s.engine.ContainerCreate(ctx, s.container, cfg)
	if dockerapi.IsConflict(err) {
		if err := s.engine.ContainerRemove(ctx, s.container, dockerapi.RemoveOptions{Force: true, Volumes: true}); err != nil {
			return engineTrouble("remove a container of the name of service "+s.name, err)
		}
		created, err = s.engine.ContainerCreate(ctx, s.container, cfg)
	}
	switch {
	case dockerapi.IsInvalid(err):
		return &task.MalformedError{Problems: []task.Problem{{Pointer: "/services/" + s.name, Message: "the engine refuses the container: " + err.Error()}}}
	case err != nil:
		return engineTrouble("create service "+s.name, err)
	}
	s.id = created.ID
	return nil
}

// config is what the container is made of: confined as the task's own, and without a right beyond.
func (s *service) config(image dockerapi.Image, r *Run) dockerapi.ContainerConfig {
	labels := attemptLabels(s.worker.ID, r.TaskID, r.Attempt)
	labels[LabelService] = s.name
	cfg := dockerapi.ContainerConfig{
		Image:        image.ID,
		Cmd:          s.spec.Command,
		Entrypoint:   s.spec.Entrypoint,
		Env:          environment(s.spec.Env, nil),
		WorkingDir:   s.spec.WorkingDir,
		User:         s.spec.User,
		Hostname:     s.name,
		Labels:       labels,
		AttachStdout: true,
		AttachStderr: true,
		NetworkingConfig: dockerapi.NetworkingConfig{EndpointsConfig: map[string]dockerapi.EndpointConfig{
			s.network: {Aliases: []string{s.name}},
		}},
	}
	confineAll(&cfg.HostConfig)
	limit(&cfg.HostConfig, s.policy.Limits(s.spec.Resources))
	cfg.HostConfig.NetworkMode = s.network
	cfg.HostConfig.LogConfig = s.logConfig
	return cfg
}

// taken is the end of a service that was the engine's doing.
func (s *service) taken(c dockerapi.Container) error {
	return taskErrorf(ResourceUnavailable, "the engine went away and took service %s with it (exit code %d)", s.name, c.State.ExitCode)
}

// exited is the end of a service by itself, whatever its exit code.
func (s *service) exited(c dockerapi.Container) error {
	if c.State.OOMKilled && c.State.ExitCode == 137 {
		return serviceEnd{fmt.Sprintf("service %s was killed because its container was out of memory", s.name)}
	}
	return serviceEnd{fmt.Sprintf("service %s ended with exit code %d", s.name, c.State.ExitCode)}
}

// remove ends the service, at once where there is no time to lose.
func (s *service) remove(ctx context.Context, atOnce bool) error {
	if !atOnce {
		if err := s.engine.ContainerStop(ctx, s.container, dockerapi.StopOptions{Timeout: serviceGrace}); err != nil && !dockerapi.IsNotFound(err) {
			s.logger.Warn("cannot stop a service, will kill it", "error", err)
		}
	}
	if err := s.engine.ContainerRemove(ctx, s.container, dockerapi.RemoveOptions{Force: true, Volumes: true}); err != nil {
		return fmt.Errorf("remove service %s: %w", s.name, err)
	}
	return nil
}
