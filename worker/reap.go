package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const (
	// reapInterval is the time between two looks for leftovers, and reapGrace how old they must be.
	reapInterval = time.Minute
	reapGrace    = time.Minute
)

// Leftover is something that a worker made and that no task explains.
type Leftover struct {
	Kind    string // "container", "sandbox", "network" or "journal"
	Name    string // the container's or network's id, or the file
	TaskID  string
	Attempt string
	Created time.Time

	caches map[string]string // of a container: names by volume
}

// Reap is the work of a moment, of a worker that does not run: it finds what the claims of this id do not explain,
// removes it unless it is a rehearsal, and tells what it was. ErrInUse: the worker runs, and does so by itself.
func (w *Worker) Reap(ctx context.Context, rehearsal bool) ([]Leftover, error) {
	unlock, err := lockDir(w.dir())
	if err != nil {
		return nil, err
	}
	defer unlock()
	claims, err := w.cfg.Source.Resume(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for the claims of this worker: %w", err)
	}
	if err := w.caches.load(ctx, explainedBy(claims)); err != nil {
		return nil, err
	}
	if err := w.sandboxes.load(ctx, explainedBy(claims)); err != nil {
		return nil, err
	}
	found, err := w.leftovers(ctx, time.Now().Add(time.Minute), explainedBy(claims))
	if err != nil || rehearsal {
		return found, err
	}
	return found, w.remove(ctx, found)
}

// leftovers lists what carries this worker's id, was made before the given time, and belongs to none of the attempts
// that explain knows. Nothing else is ever looked at.
func (w *Worker) leftovers(ctx context.Context, before time.Time, explain func(taskID, attempt string) bool) ([]Leftover, error) {
	var found []Leftover
	containers, err := w.cfg.Engine.ContainerList(ctx, dockerapi.ListOptions{
		All:     true,
		Filters: dockerapi.Filters{"label": {LabelWorker + "=" + w.cfg.ID}},
	})
	if err != nil {
		return nil, fmt.Errorf("look for containers that were left behind: %w", err)
	}
	for _, c := range containers {
		kind := "container"
		if c.Labels[LabelSandbox] != "" {
			kind = "sandbox"
			if w.sandboxes.knows(c.ID) {
				continue
			}
		}
		found = append(found, Leftover{Kind: kind, Name: c.ID, TaskID: c.Labels[LabelTask], Attempt: c.Labels[LabelAttempt],
			Created: time.Unix(c.Created, 0), caches: heldCaches(c.Labels[LabelCaches])})
	}
	networks, err := w.cfg.Engine.NetworkList(ctx, dockerapi.Filters{"label": {LabelWorker + "=" + w.cfg.ID}})
	if err != nil {
		return nil, fmt.Errorf("look for networks that were left behind: %w", err)
	}
	for _, n := range networks { // behind the containers: it can go when they have gone
		found = append(found, Leftover{Kind: "network", Name: n.ID, TaskID: n.Labels[LabelTask], Attempt: n.Labels[LabelAttempt], Created: n.Created})
	}
	files, err := os.ReadDir(w.taskDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for journals that were left behind: %w", err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			continue // gone meanwhile
		}
		task, attempt, _ := strings.Cut(strings.TrimSuffix(file.Name(), checkpointSuffix), ".")
		found = append(found, Leftover{Kind: "journal", Name: filepath.Join(w.taskDir(), file.Name()), TaskID: task, Attempt: attempt, Created: info.ModTime()})
	}
	unexplained := found[:0]
	for _, l := range found {
		if l.Created.Before(before) && !explain(l.TaskID, l.Attempt) {
			unexplained = append(unexplained, l)
		}
	}
	return unexplained, nil
}

// explainedBy is an explanation of leftovers: these deliveries are going to need them.
func explainedBy(claims []*Delivery) func(taskID, attempt string) bool {
	return func(taskID, attempt string) bool {
		return slices.ContainsFunc(claims, func(d *Delivery) bool {
			return d.MessageID == taskID && strconv.Itoa(d.Attempts+1) == attempt
		})
	}
}

// reap removes the leftovers from before the given time.
func (w *Worker) reap(ctx context.Context, before time.Time, explain func(taskID, attempt string) bool) error {
	found, err := w.leftovers(ctx, before, explain)
	if err != nil {
		return err
	}
	return w.remove(ctx, found)
}

// remove removes leftovers, as many as it can; containers with their anonymous volumes. Caches that were purged before
// go as well, if nothing holds them any more.
func (w *Worker) remove(ctx context.Context, found []Leftover) error {
	var failed []error
	for _, l := range found {
		w.caches.purge(l.caches) // before the container lets go of what it may have left half-written
		w.logger.Warn("removing what was left behind", "kind", l.Kind, "name", l.Name, "task", l.TaskID, "attempt", l.Attempt)
		if err := w.removeOne(ctx, l); err != nil {
			failed = append(failed, fmt.Errorf("remove %s %s: %w", l.Kind, l.Name, err))
		}
	}
	return errors.Join(append(failed, w.caches.removePurged(ctx))...)
}

func (w *Worker) removeOne(ctx context.Context, l Leftover) error {
	switch l.Kind {
	case "container", "sandbox":
		return w.cfg.Engine.ContainerRemove(ctx, l.Name, dockerapi.RemoveOptions{Force: true, Volumes: true})
	case "network":
		return removeNetwork(ctx, w.cfg.Engine, l.Name)
	}
	if err := os.Remove(l.Name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// clear removes the containers and the network of an attempt that an earlier process began, and that the stages of this
// one do not know.
func (w *Worker) clear(ctx context.Context, r *Run) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownBudget)
	defer cancel()
	attempt := strconv.Itoa(r.Attempt)
	found, err := w.leftovers(ctx, time.Now().Add(time.Minute), func(taskID, number string) bool {
		return taskID != r.TaskID || number != attempt
	})
	for _, l := range found {
		if l.Kind != "journal" {
			err = errors.Join(err, w.removeOne(ctx, l))
		}
	}
	if err != nil {
		r.Logger.Error("cannot remove what an earlier process made for the task", "error", err)
	}
}

// reapForever looks for leftovers now and then, until ctx ends: of creates that an engine finished after their caller
// had left, and of removals that failed.
func (w *Worker) reapForever(ctx context.Context) {
	for sleep(ctx, reapInterval) == nil {
		if err := w.reap(ctx, time.Now().Add(-reapGrace), w.tasks.explain); err != nil && ctx.Err() == nil {
			w.logger.Error("cannot remove all that was left behind", "error", err)
		}
	}
}
