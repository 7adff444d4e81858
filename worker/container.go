package worker

import (
	"context"
	"fmt"
	"strconv"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// Labels that everything carries which a worker creates on a host. Whatever no task explains is found and removed by
// them.
const (
	LabelWorker  = "docker-worker.worker"
	LabelTask    = "docker-worker.task"
	LabelAttempt = "docker-worker.attempt"
)

// containerStage makes sure that the task's container exists. It is created, not started: exec attaches first.
type containerStage struct {
	engine    containerEngine
	worker    workerFacts
	logConfig dockerapi.LogConfig // the engine's own copy of the log, from which a gap in ours is filled
}

func (s containerStage) Name() string { return "container" }

func (s containerStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	s.configure(r)
	name := containerName(s.worker.ID, r.TaskID, r.Attempt)
	// From the first try on there may be one: the engine goes on creating when the client has left.
	teardown := func(ctx context.Context, _ *Outcome) error {
		return s.engine.ContainerRemove(ctx, name, dockerapi.RemoveOptions{Force: true, Volumes: true})
	}
	if r.delivery.Resumed {
		found, err := s.engine.ContainerInspect(ctx, name)
		switch {
		case err == nil:
			r.ContainerID, r.found = found.ID, &found
			return teardown, nil
		case !dockerapi.IsNotFound(err):
			return teardown, engineTrouble("look for the task's container", err)
		case r.past.has(TaskStarted):
			return teardown, taskErrorf(ResourceUnavailable, "the task's container was removed while no worker watched")
		}
	}
	created, err := s.engine.ContainerCreate(ctx, name, r.Container)
	if dockerapi.IsConflict(err) {
		// The name is a function of worker, task and attempt: this is what a worker left that died.
		if err := teardown(ctx, nil); err != nil {
			return teardown, engineTrouble("remove a container of the same name", err)
		}
		created, err = s.engine.ContainerCreate(ctx, name, r.Container)
	}
	if err != nil {
		return teardown, s.createError(r, err)
	}
	for _, warning := range created.Warnings {
		r.Logger.Warn("the engine warns", "warning", warning)
	}
	r.ContainerID = created.ID
	return teardown, nil
}

// configure fills in what the container gets from the task. The image is there already.
func (s containerStage) configure(r *Run) {
	t, c := r.Task, &r.Container
	c.Cmd = t.Command
	c.Entrypoint = t.Entrypoint
	c.WorkingDir = t.WorkingDir
	c.User = t.User
	c.Tty = t.TTY
	c.StopSignal = t.StopSignal
	c.AttachStdout, c.AttachStderr = true, true
	if t.Stdin != "" {
		// The end of the input reaches the command; a worker that dies takes the rest of it along.
		c.OpenStdin, c.StdinOnce, c.AttachStdin = true, true, true
	}
	c.Env = environment(t.Env, map[string]string{
		"TASK_ID":     r.TaskID,
		"ATTEMPT":     strconv.Itoa(r.Attempt),
		"RUN_ID":      strconv.Itoa(r.Attempt - 1),
		"WORKER_ID":   s.worker.ID,
		"WORKER_TYPE": s.worker.Type,
		"TRACEPARENT": r.delivery.Traceparent,
	})
	for name, value := range attemptLabels(s.worker.ID, r.TaskID, r.Attempt) {
		r.label(name, value)
	}
	c.HostConfig.LogConfig = s.logConfig
	limit(&c.HostConfig, r.limits)
	confine(&c.HostConfig, t)
}

// label puts a label on the container to be.
func (r *Run) label(name, value string) {
	if r.Container.Labels == nil {
		r.Container.Labels = map[string]string{}
	}
	r.Container.Labels[name] = value
}

// containerName is a function of what it is for, so that a create that is tried again meets the first one.
func containerName(workerID, taskID string, attempt int) string {
	return fmt.Sprintf("docker-worker.%s.%s.%d", workerID, taskID, attempt)
}

// createError says whose fault it is that a container cannot be created.
func (s containerStage) createError(r *Run, err error) error {
	switch {
	case r.limits.Disk > 0 && !dockerapi.IsUnavailable(err) && !dockerapi.IsNotFound(err):
		return &task.MalformedError{Problems: []task.Problem{{Pointer: "/resources/disk", Message: fmt.Sprintf(
			"the engine made no container whose size is limited (its storage can do that as overlay2 on xfs with project quotas): %v", err)}}}
	case dockerapi.IsInvalid(err):
		return &task.MalformedError{Problems: []task.Problem{{Message: "the engine refuses the container: " + err.Error()}}}
	default:
		return engineTrouble("create the container", err)
	}
}
