package worker

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// program is what a container's main process does. It returns the exit code, and must return soon once it is killed.
type program func(p *process) int

// process is what a program sees of its container.
type process struct {
	Stdout, Stderr io.Writer
	Config         dockerapi.ContainerConfig
	Stop           <-chan struct{} // closed by the stop signal
	Kill           <-chan struct{} // closed by SIGKILL; the exit code is 137 then

	container *fakeContainer
}

// sleep returns after d, or when the process is killed.
func (p *process) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.Kill:
	}
}

// leave starts a child that holds the output open when the main process has gone.
func (p *process) leave(child func()) { p.container.children.Go(child) }

// outOfMemory has the kernel kill something in the container.
func (p *process) outOfMemory() {
	p.container.engine.mu.Lock()
	defer p.container.engine.mu.Unlock()
	p.container.state.OOMKilled = true
}

// fakeContainer is a container of a fakeEngine, whose mu guards its fields.
type fakeContainer struct {
	engine *fakeEngine
	id     string
	name   string
	config dockerapi.ContainerConfig
	state  dockerapi.ContainerState

	created time.Time
	kept    []byte // the engine's own copy of the log, in frames
	silent  bool   // all output has ended
	streams []*fakeStream
	waits   []*fakeWait

	term      chan struct{} // the stop signal was sent
	killed    chan struct{}
	exited    chan struct{}
	removed   chan struct{}
	terminate func()
	kill      func()
	running   sync.WaitGroup // the goroutines of the container
	children  sync.WaitGroup // those that the main process left behind
}

func newFakeContainer(e *fakeEngine, name string, cfg dockerapi.ContainerConfig) *fakeContainer {
	c := &fakeContainer{engine: e, id: "id-of-" + name, name: name, config: cfg, created: time.Now(), term: make(chan struct{}),
		killed: make(chan struct{}), exited: make(chan struct{}), removed: make(chan struct{})}
	c.terminate = sync.OnceFunc(func() { close(c.term) })
	c.kill = sync.OnceFunc(func() { close(c.killed) })
	return c
}

// start runs the program. Called with the engine's mu held, as all that follow.
func (c *fakeContainer) start() {
	c.state.Status, c.state.Running, c.state.StartedAt = "running", true, time.Now()
	p := &process{Config: c.config, Stop: c.term, Kill: c.killed, container: c,
		Stdout: containerOutput{c, dockerapi.Stdout}, Stderr: containerOutput{c, dockerapi.Stderr}}
	c.running.Go(func() {
		code := c.engine.program(p)
		select {
		case <-c.killed:
			code = 137
		default:
		}
		c.exit(code)
		c.children.Wait()
		c.endOutput(io.EOF)
	})
}

func (c *fakeContainer) exit(code int) {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	c.state.Status, c.state.Running, c.state.ExitCode, c.state.FinishedAt = "exited", false, code, time.Now()
	close(c.exited)
}

func (c *fakeContainer) endOutput(err error) {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	c.silent = true
	for _, s := range c.streams {
		s.end(err)
	}
}

// remove kills what runs, and ends every stream.
func (c *fakeContainer) remove() {
	c.kill()
	close(c.removed)
	for _, s := range c.streams {
		s.end(io.EOF)
	}
}

func (c *fakeContainer) drop() {
	for _, s := range c.streams {
		s.end(io.ErrUnexpectedEOF)
	}
	for _, w := range c.waits {
		w.drop()
	}
}

func (c *fakeContainer) attach(ctx context.Context) *fakeStream {
	s := &fakeStream{closed: c.engine.closed}
	s.changed.L = &s.mu
	s.forget = context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	c.streams = append(c.streams, s)
	c.engine.open++
	return s
}

func (c *fakeContainer) wait(ctx context.Context) *fakeWait {
	w := &fakeWait{ctx: ctx, container: c, exited: c.exited, broken: make(chan struct{}), closed: sync.OnceFunc(c.engine.closed)}
	if c.engine.deaf {
		w.exited = nil
	}
	w.drop = sync.OnceFunc(func() { close(w.broken) })
	c.waits = append(c.waits, w)
	c.engine.open++
	return w
}

// closed counts an attachment or a wait that its caller gave back.
func (e *fakeEngine) closed() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open--
}

// containerOutput is a stream of a process. It never blocks: the engine buffers.
type containerOutput struct {
	container *fakeContainer
	stream    dockerapi.Stream
}

func (o containerOutput) Write(text []byte) (int, error) {
	e := o.container.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	for rest := text; len(rest) > 0; {
		n := min(len(rest), 32<<10)
		var frame []byte
		if !o.container.config.Tty {
			frame = binary.BigEndian.AppendUint32([]byte{byte(o.stream), 0, 0, 0}, uint32(n))
		}
		frame = append(frame, rest[:n]...)
		o.container.kept = append(o.container.kept, frame...)
		for _, s := range o.container.streams {
			s.write(frame)
		}
		rest = rest[n:]
	}
	return len(text), nil
}

// fakeStream is an attachment: what was written is read, in any pieces, until it ends.
type fakeStream struct {
	mu      sync.Mutex
	changed sync.Cond
	data    []byte
	err     error
	forget  func() bool
	gone    bool
	closed  func()
}

func (s *fakeStream) write(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.data = append(s.data, frame...)
		s.changed.Broadcast()
	}
}

func (s *fakeStream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		s.changed.Broadcast()
	}
}

func (s *fakeStream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.data) == 0 && s.err == nil && !s.gone {
		s.changed.Wait()
	}
	if s.gone {
		return 0, io.ErrClosedPipe
	}
	if len(s.data) == 0 {
		return 0, s.err
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}

func (s *fakeStream) Close() error {
	s.forget()
	s.mu.Lock()
	first := !s.gone
	s.gone = true
	s.changed.Broadcast()
	s.mu.Unlock()
	if first {
		s.closed() // not under our lock, which a writer takes under the engine's
	}
	return nil
}

// fakeWait is a wait that the engine has accepted.
type fakeWait struct {
	ctx       context.Context // of the call: it bounds the whole wait
	container *fakeContainer
	exited    <-chan struct{}
	broken    chan struct{}
	drop      func()
	closed    func()
}

func (w *fakeWait) Result() (dockerapi.ExitStatus, error) {
	c := w.container
	select {
	case <-w.exited:
	case <-c.removed:
		return dockerapi.ExitStatus{StatusCode: 127}, nil
	case <-w.broken:
		return dockerapi.ExitStatus{}, dockerapi.ErrUnknownExit
	case <-w.ctx.Done():
		return dockerapi.ExitStatus{}, fmt.Errorf("%w: %w", dockerapi.ErrUnknownExit, context.Cause(w.ctx))
	}
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return dockerapi.ExitStatus{StatusCode: int64(c.state.ExitCode)}, nil
}

func (w *fakeWait) Close() error {
	w.drop()
	w.closed()
	return nil
}

// ContainerStats is what an engine says that keeps no account.
func (e *fakeEngine) ContainerStats(context.Context, string) (dockerapi.Stats, error) {
	return dockerapi.Stats{}, nil
}
