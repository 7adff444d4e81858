package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// call names a method of the engine.
type call string

const (
	onPing      call = "ping"
	onNegotiate call = "negotiate"
	onInfo      call = "info"
	onImage     call = "image inspect"
	onPull      call = "pull"
	onCreate    call = "create"
	onInspect   call = "inspect"
	onList      call = "list"
	onRemove    call = "remove"
	onAttach    call = "attach"
	onWait      call = "wait"
	onStart     call = "start"
	onStop      call = "stop"
	onKill      call = "kill"
	onLogs      call = "logs"
	imageOfTool      = "sha256:70017001"
)

// fakeEngine is an engine in memory. It runs programs, which are functions, in containers, and keeps the promises that
// the worker relies on: it buffers output, tells an exit on a connection of its own, and goes on when a caller leaves.
type fakeEngine struct {
	archiveEngine // nil: what a test needs of these it brings along
	networkEngine
	volumeEngine
	execEngine
	imageStore

	warning    string // of a version that is a makeshift
	info       dockerapi.Info
	registry   map[string]dockerapi.Image // what can be pulled
	program    program                    // what every container runs
	startDelay time.Duration              // between the start of the program and the answer
	deaf       bool                       // waits do not hear of the exit
	pulling    func(ctx context.Context, report func(dockerapi.PullProgress)) error

	mu         sync.Mutex
	on         map[call]func(ctx context.Context, nth int) error // asked first; an error is the call's
	counts     map[call]int
	calls      []call
	images     map[string]dockerapi.Image // by reference
	containers map[string]*fakeContainer  // by name
	open       int                        // attachments and waits
}

func newFakeEngine() *fakeEngine {
	tool := dockerapi.Image{ID: imageOfTool, RepoDigests: []string{"tool@sha256:d16e57"}, Config: dockerapi.ImageConfig{Cmd: []string{"run"}}}
	return new(fakeNetworks).with(new(fakeVolumes).with(&fakeEngine{
		program:    func(*process) int { return 0 },
		registry:   map[string]dockerapi.Image{"tool:latest": tool},
		images:     map[string]dockerapi.Image{"tool:latest": tool},
		on:         map[call]func(context.Context, int) error{},
		counts:     map[call]int{},
		containers: map[string]*fakeContainer{},
	}))
}

// script makes the calls fail with errs, in turn; nil lets one work, and so do all after the last.
func (e *fakeEngine) script(c call, errs ...error) {
	e.hook(c, func(_ context.Context, nth int) error {
		if nth <= len(errs) {
			return errs[nth-1]
		}
		return nil
	})
}

// hook has do asked before every such call from now on; nth counts from 1.
func (e *fakeEngine) hook(c call, do func(ctx context.Context, nth int) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts[c] = 0
	e.on[c] = do
}

// enter begins a call: it notes it, and returns the error that the test wants.
func (e *fakeEngine) enter(ctx context.Context, c call) error {
	e.mu.Lock()
	e.counts[c]++
	nth, do := e.counts[c], e.on[c]
	e.calls = append(e.calls, c)
	e.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if do == nil {
		return nil
	}
	return do(ctx, nth)
}

// called is how often the engine was asked.
func (e *fakeEngine) called(c call) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(e.calls), func(other call) bool { return other != c }))
}

// away makes every call fail until back, and breaks what is open. The containers go on.
func (e *fakeEngine) away() {
	for _, c := range []call{onPing, onImage, onPull, onCreate, onInspect, onRemove, onAttach, onWait, onStart, onStop, onKill, onLogs} {
		e.hook(c, func(context.Context, int) error { return engineAnswer(503) })
	}
	e.drop()
}

func (e *fakeEngine) back() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.on)
}

// drop breaks all attachments and waits.
func (e *fakeEngine) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		c.drop()
	}
}

// only is the one container that there is.
func (e *fakeEngine) only(t testing.TB) *fakeContainer {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.containers) != 1 {
		t.Fatalf("%d containers, want one", len(e.containers))
	}
	for _, c := range e.containers {
		return c
	}
	return nil
}

// find looks a container up by its id or its name. Called with mu held.
func (e *fakeEngine) find(id string) (*fakeContainer, error) {
	for name, c := range e.containers {
		if id == name || id == c.id {
			return c, nil
		}
	}
	return nil, engineAnswer(404)
}

func (e *fakeEngine) Host() string       { return "memory://" }
func (e *fakeEngine) APIVersion() string { return "1.41" }

func (e *fakeEngine) SystemPing(ctx context.Context) (dockerapi.Ping, error) {
	return dockerapi.Ping{}, e.enter(ctx, onPing)
}

func (e *fakeEngine) SystemInfo(ctx context.Context) (dockerapi.Info, error) {
	return e.info, e.enter(ctx, onInfo)
}

func (e *fakeEngine) ImageInspect(ctx context.Context, ref string) (dockerapi.Image, error) {
	if err := e.enter(ctx, onImage); err != nil {
		return dockerapi.Image{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	image, ok := e.images[ref]
	if !ok {
		return image, engineAnswer(404)
	}
	return image, nil
}

func (e *fakeEngine) ImagePull(ctx context.Context, ref string, opts dockerapi.PullOptions) error {
	if err := e.enter(ctx, onPull); err != nil {
		return err
	}
	if e.pulling != nil {
		if err := e.pulling(ctx, opts.Progress); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	image, ok := e.registry[ref]
	if !ok {
		return engineAnswer(404)
	}
	e.images[ref] = image
	return nil
}

func (e *fakeEngine) ContainerCreate(ctx context.Context, name string, cfg dockerapi.ContainerConfig) (dockerapi.ContainerCreated, error) {
	if err := e.enter(ctx, onCreate); err != nil {
		return dockerapi.ContainerCreated{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.containers[name] != nil {
		return dockerapi.ContainerCreated{}, engineAnswer(409)
	}
	for _, image := range e.images {
		if image.ID == cfg.Image {
			c := newFakeContainer(e, name, cfg)
			e.containers[name] = c
			return dockerapi.ContainerCreated{ID: c.id, Warnings: []string{"no swap limit"}}, nil
		}
	}
	return dockerapi.ContainerCreated{}, engineAnswer(404)
}

func (e *fakeEngine) ContainerInspect(ctx context.Context, id string) (dockerapi.Container, error) {
	if err := e.enter(ctx, onInspect); err != nil {
		return dockerapi.Container{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err != nil {
		return dockerapi.Container{}, err
	}
	return dockerapi.Container{ID: c.id, State: c.state, NetworkSettings: c.networks()}, nil
}

func (e *fakeEngine) ContainerList(ctx context.Context, opts dockerapi.ListOptions) ([]dockerapi.ContainerSummary, error) {
	if err := e.enter(ctx, onList); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []dockerapi.ContainerSummary
	for _, c := range e.containers {
		has := func(filter string) bool {
			for name, value := range c.config.Labels {
				if filter == name || filter == name+"="+value {
					return true
				}
			}
			return false
		}
		if opts.All && !slices.ContainsFunc(opts.Filters["label"], func(f string) bool { return !has(f) }) {
			list = append(list, dockerapi.ContainerSummary{ID: c.id, Labels: c.config.Labels, State: c.state.Status, Created: c.created.Unix()})
		}
	}
	return list, nil
}

func (e *fakeEngine) ContainerRemove(ctx context.Context, id string, opts dockerapi.RemoveOptions) error {
	if err := e.enter(ctx, onRemove); err != nil {
		return err
	}
	e.mu.Lock()
	c, err := e.find(id)
	if err != nil {
		e.mu.Unlock()
		return nil
	}
	if !opts.Force || !opts.Volumes {
		e.mu.Unlock()
		return errors.New("a container is removed with force, and with its volumes")
	}
	delete(e.containers, c.name)
	c.remove()
	e.mu.Unlock()
	c.running.Wait()
	return nil
}

func (e *fakeEngine) ContainerAttach(ctx context.Context, id string, opts dockerapi.AttachOptions) (io.ReadCloser, error) {
	if err := e.enter(ctx, onAttach); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err != nil {
		return nil, err
	}
	if !opts.Stdout || !opts.Stderr {
		return nil, errors.New("both streams are wanted")
	}
	return c.attach(ctx), nil
}

func (e *fakeEngine) ContainerWait(ctx context.Context, id string, condition dockerapi.WaitCondition) (Waiter, error) {
	if err := e.enter(ctx, onWait); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err != nil {
		return nil, err
	}
	if condition == dockerapi.WaitNotRunning && !c.state.Running && c.state.FinishedAt.IsZero() {
		return nil, errors.New("this wait is over before the container was started")
	}
	return c.wait(ctx), nil
}

func (e *fakeEngine) ContainerStart(ctx context.Context, id string) error {
	if err := e.enter(ctx, onStart); err != nil {
		return err
	}
	e.mu.Lock()
	c, err := e.find(id)
	if err == nil {
		c.start()
	}
	e.mu.Unlock()
	if err == nil && e.startDelay > 0 {
		return sleep(ctx, e.startDelay)
	}
	return err
}

func (e *fakeEngine) ContainerStop(ctx context.Context, id string, opts dockerapi.StopOptions) error {
	if err := e.enter(ctx, onStop); err != nil {
		return err
	}
	e.mu.Lock()
	c, err := e.find(id)
	if err != nil || !c.state.Running {
		e.mu.Unlock()
		return err
	}
	c.terminate()
	e.mu.Unlock()
	grace := time.NewTimer(opts.Timeout)
	defer grace.Stop()
	select {
	case <-c.exited:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-grace.C:
	}
	c.kill()
	c.running.Wait()
	return nil
}

func (e *fakeEngine) ContainerKill(ctx context.Context, id, signal string) error {
	if err := e.enter(ctx, onKill); err != nil {
		return err
	}
	if signal != "SIGKILL" {
		return fmt.Errorf("signal %s", signal)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err == nil {
		c.kill()
	}
	return err
}
