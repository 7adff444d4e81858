package fakeengine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Engine is a fake engine that serves. All methods may be called from several goroutines.
type Engine struct {
	path   string
	server *http.Server
	served chan struct{} // closed when nothing is served any more

	mu         sync.Mutex
	made       int
	containers map[string]*container // by id
	named      map[string]*container
	samples    int
	changed    chan struct{} // closed, and replaced, when something here has changed
}

// Start serves on a unix socket at path, which must not exist.
func Start(path string) (*Engine, error) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("serve a fake engine: %w", err)
	}
	e := &Engine{path: path, served: make(chan struct{}), containers: map[string]*container{}, named: map[string]*container{}, changed: make(chan struct{})}
	e.server = &http.Server{Handler: e.routes()}
	go func() {
		defer close(e.served)
		_ = e.server.Serve(listener) // ends by Close
	}()
	return e, nil
}

// Host is the address for DOCKER_HOST.
func (e *Engine) Host() string { return "unix://" + e.path }

// Close ends all containers, and the service with its connections.
func (e *Engine) Close() error {
	e.Finish()
	err := e.server.Close()
	<-e.served
	return err
}

// Finish ends all containers that run, with code 0.
func (e *Engine) Finish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		c.end(0)
	}
	e.announce()
}

// Running counts the containers that run, without sandboxes, and what these are.
func (e *Engine) Running() (tasks, sandboxes int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		switch {
		case c.state() != running:
		case c.isSandbox():
			sandboxes++
		default:
			tasks++
		}
	}
	return tasks, sandboxes
}

// Samples is how often a container's use of resources was asked for.
func (e *Engine) Samples() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.samples
}

// Await returns when reached is true, which is called again whenever something here has changed.
func (e *Engine) Await(ctx context.Context, reached func() bool) error {
	for {
		e.mu.Lock()
		changed := e.changed
		e.mu.Unlock()
		if reached() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// announce wakes those who await something. Called with mu held.
func (e *Engine) announce() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// errGone is the answer for a container that does not exist.
var errGone = errors.New("no such container")

// answer sends JSON.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"message": err.Error()})
}

// stamp is a time as the engine writes it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
