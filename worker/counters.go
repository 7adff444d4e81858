package worker

import (
	"maps"
	"sync"
)

// counters count what happened since the process started. They are told in the worker's events.
type counters struct {
	mu       sync.Mutex
	outcomes map[Reason]int64
}

func (c *counters) resolved(reason Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.outcomes == nil {
		c.outcomes = map[Reason]int64{}
	}
	c.outcomes[reason]++
}

func (c *counters) snapshot() map[Reason]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[Reason]int64{}
	maps.Copy(out, c.outcomes)
	return out
}
