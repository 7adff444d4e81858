package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// servicesStage runs the containers beside a task: all at once, before the task's own, and all of them ready. One that
// ends while the task runs ends the task.
type servicesStage struct {
	engine     Engine
	images     *images
	limit      time.Duration // for a pull, whatever its progress
	policy     task.Policy
	worker     workerFacts
	logConfig  dockerapi.LogConfig
	alive      func(ctx context.Context) error // returns when the engine answers
	ping       func(ctx context.Context) error // asks once whether it does
	keepsAlive bool                            // containers survive a restart of the engine
	probe      probe
}

func (s servicesStage) Name() string { return "services" }

func (s servicesStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	if len(r.Task.Services) == 0 {
		return nil, nil
	}
	g := s.group(ctx, r)
	if s.over(ctx, r) {
		return g.teardown, nil
	}
	if !r.delivery.Resumed {
		r.emit(TaskPreparing, time.Now().UTC(), preparingDetails{Stage: s.Name()})
	}
	err := g.each(ctx, func(ctx context.Context, member *service) error {
		image, err := member.image(ctx, r)
		if err != nil {
			return err
		}
		if err := member.begin(ctx, g.streams, image, r); err != nil {
			return err
		}
		g.watch(member)
		if r.past.has(TaskStarted) {
			return nil // it was ready once
		}
		err = member.await(ctx)
		if err != nil && ctx.Err() == nil {
			g.tellLast(member)
		}
		return err
	})
	if errors.Is(err, ErrService) {
		r.stop(err)
	}
	return g.teardown, err
}

// over tells whether an earlier process has begun with the task, and its command has ended since: its services may have
// as well.
func (s servicesStage) over(ctx context.Context, r *Run) bool {
	if !r.past.has(TaskStarted) {
		return false
	}
	c, err := s.engine.ContainerInspect(ctx, containerName(s.worker.ID, r.TaskID, r.Attempt))
	return err == nil && !c.State.Running && c.State.StartedAt.Year() > 1
}

// serviceGroup is the services of one task.
type serviceGroup struct {
	r            *Run
	members      []*service // by name
	streams      context.Context
	closeStreams context.CancelFunc
	watching     sync.WaitGroup
	released     chan struct{} // closed when the task needs them no more
}

func (s servicesStage) group(ctx context.Context, r *Run) *serviceGroup {
	g := &serviceGroup{r: r, released: make(chan struct{})}
	// The streams outlive a cancelled task: last words are read while everything is being stopped.
	g.streams, g.closeStreams = context.WithCancel(context.WithoutCancel(ctx))
	network := containerName(s.worker.ID, r.TaskID, r.Attempt)
	for _, name := range slices.Sorted(maps.Keys(r.Task.Services)) {
		g.members = append(g.members, &service{
			servicesStage: &s,
			name:          name,
			spec:          r.Task.Services[name],
			container:     network + "." + name,
			network:       network,
			log:           &serviceLog{name: name, journal: r.journal, masker: r.masker},
			logger:        r.Logger.With("service", name),
			ended:         make(chan struct{}),
		})
	}
	return g
}

// each does something with all members at once, and returns the first error. The others are given up then.
func (g *serviceGroup) each(ctx context.Context, do func(ctx context.Context, member *service) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, member := range g.members {
		all.Go(func() {
			if err := guard(func() error { return do(ctx, member) }); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// watch ends the task when the member ends before it.
func (g *serviceGroup) watch(member *service) {
	g.watching.Go(func() {
		select {
		case <-member.ended:
		case <-g.released:
			return
		}
		select {
		case <-g.released: // it was stopped
		default:
			if member.end != nil {
				g.tellLast(member)
				g.r.stop(member.end)
			}
		}
	})
}

// tellLast shows the last lines of a service in the task's log, to explain what follows.
func (g *serviceGroup) tellLast(member *service) {
	for _, line := range member.log.end() {
		g.r.Logf("service %s: %s", member.name, line)
	}
}

// teardown stops and removes all members, also those that an earlier process began.
func (g *serviceGroup) teardown(ctx context.Context, _ *Outcome) error {
	close(g.released)
	errs := make([]error, len(g.members))
	var all sync.WaitGroup
	for i, member := range g.members {
		all.Go(func() { errs[i] = guard(func() error { return member.remove(ctx, lost(g.r.delivery)) }) })
	}
	all.Wait()
	g.closeStreams()
	for _, member := range g.members {
		member.following.Wait()
	}
	g.watching.Wait()
	return errors.Join(errs...)
}

// image makes sure that the service's image is there.
func (s *service) image(ctx context.Context, r *Run) (dockerapi.Image, error) {
	reference := s.spec.Image.Reference
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit,
		taskErrorf(ResourceUnavailable, "pull image %s of service %s: not done after %v", reference, s.name, s.limit))
	defer cancel()
	image, err := s.images.ensure(ctx, reference, func(p ImageProgress) {
		r.emit(TaskPreparing, time.Now().UTC(), preparingDetails{Stage: "services", Progress: &p})
	})
	if err != nil {
		return image, fmt.Errorf("service %s: %w", s.name, err)
	}
	if len(image.Config.Cmd)+len(image.Config.Entrypoint)+len(s.spec.Command)+len(s.spec.Entrypoint) == 0 {
		return image, &task.MalformedError{Problems: []task.Problem{{Pointer: "/services/" + s.name + "/command", Message: fmt.Sprintf(
			"is required: image %s has neither a CMD nor an ENTRYPOINT", reference)}}}
	}
	return image, nil
}
