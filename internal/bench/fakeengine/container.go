package fakeengine

import (
	"sync"
	"time"
)

// State of a container.
const (
	created = "created"
	running = "running"
	exited  = "exited"
)

// config is what is kept of the body of a create.
type config struct {
	Image      string
	Labels     map[string]string
	Cmd        []string
	HostConfig struct{ NetworkMode string }
}

// container is one that was created and not removed. Its fields below mu change, the others do not.
type container struct {
	id      string
	name    string
	config  config
	created time.Time
	begun   chan struct{} // closed at its start
	ended   chan struct{} // closed at its end, or its removal

	mu       sync.Mutex
	started  time.Time
	finished time.Time
	code     int
}

func (c *container) isSandbox() bool { return c.config.Labels["docker-worker.sandbox"] != "" }

func (c *container) state() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.finished.IsZero():
		return exited
	case !c.started.IsZero():
		return running
	}
	return created
}

// start is false for a container that was started before.
func (c *container) start() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started.IsZero() {
		return false
	}
	c.started = time.Now()
	close(c.begun)
	return true
}

// end is false for a container that does not run.
func (c *container) end(code int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() || !c.finished.IsZero() {
		return false
	}
	c.finished, c.code = time.Now(), code
	close(c.ended)
	return true
}

// vanish ends it in whatever state it is, for its removal.
func (c *container) vanish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished.IsZero() {
		c.finished, c.code = time.Now(), 137
		close(c.ended)
	}
}

// summary is a container in a list.
func (c *container) summary() map[string]any {
	return map[string]any{
		"Id": c.id, "Names": []string{"/" + c.name}, "Image": c.config.Image, "Created": c.created.Unix(),
		"State": c.state(), "Labels": c.config.Labels,
	}
}

// inspection is what an inspect shows.
func (c *container) inspection() map[string]any {
	state := c.state()
	c.mu.Lock()
	defer c.mu.Unlock()
	return map[string]any{
		"Id": c.id, "Name": "/" + c.name, "Image": imageID, "Created": stamp(c.created),
		"State": map[string]any{
			"Status": state, "Running": state == running, "ExitCode": c.code,
			"StartedAt": stamp(c.started), "FinishedAt": stamp(c.finished),
		},
		"Config":     map[string]any{"Image": c.config.Image, "Labels": c.config.Labels, "Cmd": c.config.Cmd},
		"HostConfig": map[string]any{"NetworkMode": c.config.HostConfig.NetworkMode},
	}
}
