package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/artifact"
)

// artifactStage keeps what a command has left in its container: when it has ended, however it has, and before the
// container is removed.
type artifactStage struct {
	keeper *artifact.Keeper
	limit  time.Duration // for all artifacts of a task
	engine containerEngine
}

// maxSkipped is how many files that are left out are named in the log, for each artifact.
const maxSkipped = 20

func (s artifactStage) Name() string { return "artifacts" }

// teardownTime makes artifactStage patient: what is kept can be large.
func (s artifactStage) teardownTime() time.Duration { return s.limit }

func (s artifactStage) Setup(life context.Context, r *Run) (Teardown, error) {
	if len(r.Task.Artifacts) == 0 {
		return nil, nil
	}
	return func(ctx context.Context, out *Outcome) error {
		if r.times.Started == nil {
			return nil // there was no command that could have made any
		}
		s.keepAll(ctx, life, r, out)
		return nil
	}, nil
}

// keepAll keeps each artifact, in the order of their names, and tells what became of it. That one cannot be kept
// changes nothing but its report. life is the task's context: when the worker must go, little time is left; and what
// somebody else does again is not kept.
func (s artifactStage) keepAll(ctx, life context.Context, r *Run, out *Outcome) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer watch(ctx, r.delivery.Lost(), func() { cancel(ErrClaimLost) })()
	defer hurry(life, func() { cancel(fmt.Errorf("gave up after %v: %w", teardownBudget, ErrShutdown)) })()
	for _, name := range slices.Sorted(maps.Keys(r.Task.Artifacts)) {
		report := r.past.artifact(name)
		if report == nil {
			report = s.keep(ctx, r, name)
			if lost(r.delivery) {
				return
			}
			r.emit(TaskArtifact, time.Now().UTC(), report)
		}
		out.Artifacts = append(out.Artifacts, *report)
	}
}

// hurry calls late a while after the worker was told to go. The returned stop must be called.
func hurry(life context.Context, late func()) (stop func()) {
	timer := time.AfterFunc(time.Hour, late)
	timer.Stop()
	unwatch := context.AfterFunc(life, func() {
		if errors.Is(context.Cause(life), ErrShutdown) {
			timer.Reset(teardownBudget)
		}
	})
	return func() { unwatch(); timer.Stop() }
}

// keep keeps one artifact.
func (s artifactStage) keep(ctx context.Context, r *Run, name string) *ArtifactReport {
	wanted := r.Task.Artifacts[name]
	skipped := 0
	kept, err := s.keeper.Keep(ctx, artifact.Order{
		Artifact:  wanted,
		Name:      name,
		Container: r.ContainerID,
		Prefix:    path.Join(r.TaskID, strconv.Itoa(r.Attempt)),
		Told: func(file artifact.Kept) {
			r.emit(TaskArtifact, time.Now().UTC(), reportOf(file, name, wanted.Expires))
		},
		Skipped: func(path, why string) {
			if skipped++; skipped <= maxSkipped {
				r.Logf("artifact %s: %s is %s, and left out", name, path, why)
			}
		},
	})
	if skipped > maxSkipped {
		r.Logf("artifact %s: %d more files are left out", name, skipped-maxSkipped)
	}
	report := reportOf(kept, "", wanted.Expires)
	switch {
	case err == nil:
	case errors.Is(err, artifact.ErrMissing):
		report.Missing = true
		if !wanted.Optional {
			report.Error = err.Error()
			r.Logf("artifact %s: %s: %v", name, wanted.Path, err)
		}
	default:
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		report.Error = err.Error()
		r.Logf("artifact %s: %s: %v", name, wanted.Path, err)
		r.Logger.Warn("cannot keep an artifact", "artifact", name, "error", err)
	}
	return &report
}

// keepRest keeps the artifacts of a task whose command an earlier process saw to its end. What that one has told
// stands; where it had no time left for the others, the container is there still.
func (w *Worker) keepRest(life context.Context, r *Run, out *Outcome) {
	stage := w.artifactStage()
	t, err := w.payloadStage().read(r)
	if err != nil || r.past.outcomeTold() {
		return
	}
	r.Task = t // whose log is kept as well, when it is sealed
	if len(t.Artifacts) == 0 || out.Times.Started == nil {
		return
	}
	r.ContainerID = containerName(w.facts.ID, r.TaskID, r.Attempt)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(life), stage.limit)
	defer cancel()
	if _, err := stage.engine.ContainerInspect(ctx, r.ContainerID); !dockerapi.IsNotFound(err) {
		stage.keepAll(ctx, life, r, out)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(t.Artifacts)) {
		report := r.past.artifact(name)
		if report == nil {
			report = &ArtifactReport{Name: name, Path: t.Artifacts[name].Path, Error: "the worker was restarted while it kept them, and the container is gone"}
			r.emit(TaskArtifact, time.Now().UTC(), report)
		}
		out.Artifacts = append(out.Artifacts, *report)
	}
}
