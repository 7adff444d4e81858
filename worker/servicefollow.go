package worker

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// begin makes sure that the service runs, and follows it in the background, until streams ends. Where an earlier process
// was at work the service may run already; once the task itself has started, it must.
func (s *service) begin(ctx, streams context.Context, image dockerapi.Image, r *Run) error {
	if r.delivery.Resumed {
		c, err := s.engine.ContainerInspect(ctx, s.container)
		switch {
		case err == nil && c.State.StartedAt.Year() > 1:
			s.id = c.ID
			return s.adopt(streams, c, r.past.written)
		case err == nil:
			s.id = c.ID
		case !dockerapi.IsNotFound(err):
			return engineTrouble("look for service "+s.name, err)
		case r.past.has(TaskStarted):
			return taskErrorf(ResourceUnavailable, "service %s was removed while no worker watched", s.name)
		}
	}
	if s.id == "" {
		if err := s.create(ctx, s.config(image, r)); err != nil {
			return err
		}
	}
	// As with the task's own container: attach, wait, start, in this order.
	output, err := s.engine.ContainerAttach(streams, s.id, dockerapi.AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		return engineTrouble("attach to service "+s.name, err)
	}
	wait, err := s.engine.ContainerWait(streams, s.id, dockerapi.WaitNextExit)
	if err != nil {
		output.Close()
		return engineTrouble("wait for service "+s.name, err)
	}
	s.following.Go(func() { s.follow(streams, output, wait) })
	if err := s.engine.ContainerStart(ctx, s.id); err != nil {
		if dockerapi.IsCommandNotFound(err) || dockerapi.IsCommandNotExecutable(err) || dockerapi.IsInvalid(err) {
			return taskErrorf(Failed, "start service %s: %w", s.name, err)
		}
		return engineTrouble("start service "+s.name, err)
	}
	return nil
}

// adopt goes on with a service that an earlier process started.
func (s *service) adopt(streams context.Context, c dockerapi.Container, since time.Time) error {
	if !c.State.Running {
		if hostStartedAfter(c.State.StartedAt) {
			return taskErrorf(ResourceUnavailable, "the host was restarted while service %s ran", s.name)
		}
		return s.exited(c)
	}
	output, wait, err := s.reconnect(streams, since)
	if err != nil {
		return engineTrouble("go on with service "+s.name, err)
	}
	s.following.Go(func() { s.follow(streams, output, wait) })
	return nil
}

// reconnect gets the output since a time, where the engine keeps it, and the exit of a service that was started before.
func (s *service) reconnect(streams context.Context, since time.Time) (io.ReadCloser, Waiter, error) {
	var output io.ReadCloser
	var err error
	if s.logConfig.Type == noLog {
		output, err = s.engine.ContainerAttach(streams, s.id, dockerapi.AttachOptions{Stdout: true, Stderr: true})
	} else {
		output, err = s.engine.ContainerLogs(streams, s.id, dockerapi.LogsOptions{Stdout: true, Stderr: true, Follow: true, Since: since})
	}
	if err != nil {
		return nil, nil, err
	}
	wait, err := s.engine.ContainerWait(streams, s.id, dockerapi.WaitNotRunning)
	if err != nil {
		output.Close()
		return nil, nil, err
	}
	return output, wait, nil
}

// follow copies the service's output until it ends, or streams does. It closes ended in any case.
func (s *service) follow(streams context.Context, output io.ReadCloser, wait Waiter) {
	defer close(s.ended)
	for {
		copied := make(chan struct{})
		go func() {
			defer close(copied)
			if err := s.log.copy(output); err != nil && streams.Err() == nil {
				s.logger.Warn("the output of a service broke off", "error", err)
			}
		}()
		_, err := wait.Result()
		if err == nil {
			drain := time.NewTimer(serviceDrain)
			select {
			case <-copied:
			case <-drain.C:
			}
			drain.Stop()
		}
		lost := time.Now()
		output.Close()
		wait.Close()
		<-copied
		if streams.Err() != nil {
			return
		}
		if err == nil {
			s.end = s.ask(streams)
			return
		}
		if output, wait, s.end = s.regain(streams, lost); s.end != nil {
			return
		}
	}
}

// ask finds out how a service has ended that the engine has told the end of.
func (s *service) ask(ctx context.Context) error {
	c, err := s.engine.ContainerInspect(ctx, s.id)
	if err != nil {
		return serviceEnd{fmt.Sprintf("service %s has ended", s.name)}
	}
	if mayBeEngines(c.State.ExitCode, s.keepsAlive) && dockerapi.IsUnavailable(s.ping(ctx)) {
		return s.taken(c)
	}
	return s.exited(c)
}

// regain gets a service back that was lost sight of, when the engine answers again.
func (s *service) regain(streams context.Context, lost time.Time) (io.ReadCloser, Waiter, error) {
	for {
		if err := s.alive(streams); err != nil {
			return nil, nil, err
		}
		c, err := s.engine.ContainerInspect(streams, s.id)
		switch {
		case dockerapi.IsNotFound(err):
			return nil, nil, taskErrorf(ResourceUnavailable, "the engine came back without service %s", s.name)
		case err == nil && !c.State.Running:
			return nil, nil, s.taken(c)
		case err == nil:
			output, wait, err := s.reconnect(streams, lost)
			if err == nil {
				return output, wait, nil
			}
			s.logger.Warn("cannot go on with a service, will try again", "error", err)
		}
		if err := sleep(streams, gatePauseMin); err != nil {
			return nil, nil, err
		}
	}
}
