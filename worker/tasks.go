package worker

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// cancelMemory is how long a cancellation of a task that is not here is remembered: the task may still be in the queue.
const cancelMemory = time.Hour

// tasks are those under way here, by id. A second delivery of a task that this worker still has its hands on (the first
// claim was lost, or a sender used an id twice) waits until the first is gone, container and all.
type tasks struct {
	mu       sync.Mutex
	active   map[string]*activeTask
	canceled map[string]time.Time // when, of tasks that were not here
}

type activeTask struct {
	attempt int
	cancel  context.CancelCauseFunc
	left    chan struct{} // closed when the task leaves
}

// enter waits until no other task has the id, and takes it. leave must be called.
func (t *tasks) enter(ctx context.Context, id string, attempt int, cancel context.CancelCauseFunc) (leave func(), err error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		t.mu.Lock()
		other := t.active[id]
		if other == nil {
			if t.active == nil {
				t.active = map[string]*activeTask{}
			}
			mine := &activeTask{attempt: attempt, cancel: cancel, left: make(chan struct{})}
			t.active[id] = mine
			if at, ok := t.canceled[id]; ok && time.Since(at) < cancelMemory {
				cancel(ErrCanceled)
			}
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				delete(t.active, id)
				close(mine.left)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-other.left:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// stop cancels a task that is here, and remembers the cancellation for one that comes. It tells which it was.
func (t *tasks) stop(id string) (here bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.canceled, func(_ string, at time.Time) bool { return time.Since(at) >= cancelMemory })
	if t.canceled == nil {
		t.canceled = map[string]time.Time{}
	}
	t.canceled[id] = time.Now() // an attempt that follows is canceled too
	task := t.active[id]
	if task == nil {
		return false
	}
	task.cancel(ErrCanceled)
	return true
}

// explain tells whether an attempt at a task is under way here.
func (t *tasks) explain(id, attempt string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	task := t.active[id]
	return task != nil && strconv.Itoa(task.attempt) == attempt
}

// ids are the tasks under way, sorted.
func (t *tasks) ids() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.active))
}
