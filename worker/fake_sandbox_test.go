package worker

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/sandbox"
)

const (
	onLoad        call = "load"
	onImageRemove call = "image remove"
)

// sandboxEngineInMemory is a fakeEngine that has sandboxes: their image can be loaded, and their process can be asked.
type sandboxEngineInMemory struct {
	*fakeEngine

	mu        sync.Mutex
	questions map[string]chan struct{} // by container
	dirty     string                   // the answer to the next question; "" is clean
	traffic   uint64                   // bytes each way, of every sandbox
	refuses   string                   // why the process ends before it is ready
	wait      chan struct{}            // the process is ready when it is closed; nil: at once
}

// withSandboxes has the worker keep sandboxes.
func (r *rig) withSandboxes(count int) *sandboxEngineInMemory {
	r.t.Helper()
	e := &sandboxEngineInMemory{fakeEngine: r.engine, questions: map[string]chan struct{}{}}
	program := filepath.Join(r.t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("a program"), 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.cfg.Engine = e
	r.cfg.Sandboxes = Sandboxes{Count: count, Program: program}
	return e
}

// runs has the tasks run a program, and the sandboxes theirs.
func (e *sandboxEngineInMemory) runs(task program) {
	e.program = func(p *process) int {
		if p.Config.Labels[LabelSandbox] == "" {
			return task(p)
		}
		return e.hold(p)
	}
}

// hold is the process of a sandbox.
func (e *sandboxEngineInMemory) hold(p *process) int {
	e.mu.Lock()
	asked, refuses, wait := e.asked(p.container.id), e.refuses, e.wait
	e.mu.Unlock()
	if refuses != "" {
		fmt.Fprintln(p.Stderr, refuses)
		return 1
	}
	if wait != nil {
		select {
		case <-wait:
		case <-p.Kill:
			return 137
		}
	}
	fmt.Fprintln(p.Stdout, sandbox.Ready)
	for {
		select {
		case <-asked:
			e.mu.Lock()
			answer := sandbox.Answer{Dirty: e.dirty, In: e.traffic, Out: e.traffic}
			e.dirty = ""
			e.mu.Unlock()
			fmt.Fprintln(p.Stdout, answer)
		case <-p.Stop:
			return 0
		case <-p.Kill:
			return 137
		}
	}
}

// asked gets a value for each question. Called with mu held.
func (e *sandboxEngineInMemory) asked(id string) chan struct{} {
	if e.questions[id] == nil {
		e.questions[id] = make(chan struct{}, 10)
	}
	return e.questions[id]
}

// sandboxes are the names of those that there are, in order.
func (e *sandboxEngineInMemory) sandboxes() []string {
	e.fakeEngine.mu.Lock()
	defer e.fakeEngine.mu.Unlock()
	var names []string
	for name, c := range e.containers {
		if c.config.Labels[LabelSandbox] != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// kill ends a container's process from outside.
func (e *sandboxEngineInMemory) kill(name string) {
	e.fakeEngine.mu.Lock()
	defer e.fakeEngine.mu.Unlock()
	e.containers[name].kill()
}

func (e *sandboxEngineInMemory) ContainerAttach(ctx context.Context, id string, opts dockerapi.AttachOptions) (io.ReadCloser, error) {
	stream, err := e.fakeEngine.ContainerAttach(ctx, id, opts)
	if err != nil || !opts.Stdin {
		return stream, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return &askedStream{stream, e.asked(id)}, nil
}

// askedStream is an attachment with the way in.
type askedStream struct {
	io.ReadCloser
	asked chan<- struct{}
}

func (s *askedStream) Write(line []byte) (int, error) {
	if string(line) != sandbox.Check+"\n" {
		return 0, fmt.Errorf("a sandbox is asked %q", line)
	}
	s.asked <- struct{}{}
	return len(line), nil
}

func (e *sandboxEngineInMemory) ImageLoad(ctx context.Context, archive io.Reader, _ dockerapi.LoadOptions) ([]string, error) {
	if err := e.enter(ctx, onLoad); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		return nil, err
	}
	_, reference, _ := strings.Cut(string(text), `"RepoTags":["`)
	reference, _, _ = strings.Cut(reference, `"`)
	e.fakeEngine.mu.Lock()
	defer e.fakeEngine.mu.Unlock()
	e.images[reference] = dockerapi.Image{ID: reference}
	return []string{reference}, nil
}

func (e *sandboxEngineInMemory) ImageList(context.Context, dockerapi.ImageListOptions) ([]dockerapi.ImageSummary, error) {
	e.fakeEngine.mu.Lock()
	defer e.fakeEngine.mu.Unlock()
	var list []dockerapi.ImageSummary
	for reference := range e.images {
		list = append(list, dockerapi.ImageSummary{ID: reference, RepoTags: []string{reference}})
	}
	return list, nil
}

func (e *sandboxEngineInMemory) ImageRemove(ctx context.Context, ref string, _ dockerapi.ImageRemoveOptions) ([]dockerapi.ImageDeleted, error) {
	if err := e.enter(ctx, onImageRemove); err != nil {
		return nil, err
	}
	e.fakeEngine.mu.Lock()
	defer e.fakeEngine.mu.Unlock()
	delete(e.images, ref)
	return nil, nil
}
