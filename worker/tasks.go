package worker

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// tasks are those under way here, by id. A second delivery of a task that this worker still has its hands on (the first
// claim was lost, or a sender used an id twice) waits until the first is gone, container and all.
type tasks struct {
	mu     sync.Mutex
	active map[string]chan struct{} // closed when the task leaves
}

// enter waits until no other task has the id, and takes it. leave must be called.
func (t *tasks) enter(ctx context.Context, id string) (leave func(), err error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		t.mu.Lock()
		other, taken := t.active[id]
		if !taken {
			if t.active == nil {
				t.active = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			t.active[id] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				delete(t.active, id)
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ids are the tasks under way, sorted.
func (t *tasks) ids() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.active))
}
