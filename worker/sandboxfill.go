package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/sandbox"
)

const (
	// sandboxFillers is how many sandboxes are made at a time: two keep an engine busy.
	sandboxFillers = 2
	// sandboxBudget bounds what is done with one sandbox.
	sandboxBudget = time.Minute
	// sandboxPauseMax bounds the pause before another try where none can be made.
	sandboxPauseMax = time.Minute
	// sandboxMemory is three times what the process was seen to use, in bytes.
	sandboxMemory = 16 << 20
)

// start keeps as many sandboxes as there should be, in the background, until end is called, which removes them. The end
// of ctx is not theirs: tasks are torn down then.
func (s *sandboxes) start(ctx context.Context) (end func()) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	filled := make(chan struct{})
	go func() { defer close(filled); s.fill(life) }()
	return func() {
		s.returns.Wait()
		cancel()
		<-filled
		s.removeAll(life)
	}
}

// fill works until ctx ends.
func (s *sandboxes) fill(ctx context.Context) {
	var fillers sync.WaitGroup
	for range max(1, min(s.cfg.Count, sandboxFillers)) { // one at least, for what an earlier process left
		fillers.Go(func() {
			pause := time.Second
			for ctx.Err() == nil {
				job, changed := s.next()
				if job == nil {
					select {
					case <-changed:
					case <-ctx.Done():
					}
					continue
				}
				if s.alive(ctx) != nil {
					s.skip(job)
					return
				}
				err := guard(func() error { return job.do(ctx) })
				if bug := (*panicError)(nil); errors.As(err, &bug) {
					s.logger.Error("a bug in docker-worker: a sandbox is lost", "error", err, "stack", string(bug.stack))
				}
				if err == nil {
					pause = time.Second
				} else if sleep(ctx, pause) == nil {
					pause = min(2*pause, sandboxPauseMax)
				}
			}
		})
	}
	fillers.Wait()
}

// sandboxJob is something to do; the sandbox that it is about is busy until done.
type sandboxJob struct {
	about *heldNetwork // nil: a new one
	do    func(ctx context.Context) error
}

// next is the most urgent thing to do. nil: nothing, until changed is closed.
func (s *sandboxes) next() (job *sandboxJob, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var adopt, remove *heldNetwork
	for _, n := range s.known {
		switch {
		case n.busy:
		case n.spoilt != "" && n.holder == "":
			remove = n
		case n.spoilt == "" && n.link == nil:
			adopt = n
		}
	}
	switch {
	case adopt != nil:
		adopt.busy = true
		return &sandboxJob{adopt, func(ctx context.Context) error { return s.adopt(ctx, adopt) }}, nil
	case s.good() < s.cfg.Count:
		s.making++
		return &sandboxJob{nil, s.add}, nil
	case remove != nil:
		remove.busy = true
		return &sandboxJob{remove, func(ctx context.Context) error { return s.remove(ctx, remove) }}, nil
	}
	return nil, s.changed
}

// skip gives a job back that was not begun.
func (s *sandboxes) skip(job *sandboxJob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if job.about == nil {
		s.making--
	} else {
		job.about.busy = false
	}
}

// add makes one more.
func (s *sandboxes) add(ctx context.Context) error {
	n, err := s.create(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.making--
	switch {
	case err == nil:
		if s.trouble != nil {
			s.logger.Info("sandboxes can be made again")
		}
		s.known[n.id], s.trouble = n, nil
		s.watch(ctx, n)
	case ctx.Err() == nil && !dockerapi.IsUnavailable(err): // an engine that is away says nothing about sandboxes
		if s.trouble == nil || s.trouble.Error() != err.Error() {
			s.logger.Error("cannot make a sandbox", "tasks", s.consequence(), "error", err)
		}
		s.trouble = err
	}
	s.announce()
	return err
}

// consequence says what it means that there is no sandbox.
func (s *sandboxes) consequence() string {
	switch {
	case s.cfg.Strict:
		return "those that would be in one are put back, for they could reach what --deny-network denies"
	case len(s.cfg.Network.Deny) > 0:
		return "they run without, start more slowly, and can reach addresses that are denied by default"
	}
	return "they run without, and start more slowly"
}

// create makes a sandbox and waits until it is ready.
func (s *sandboxes) create(ctx context.Context) (n *heldNetwork, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, sandboxBudget, fmt.Errorf("it took longer than %v", sandboxBudget))
	defer cancel()
	name := fmt.Sprintf("docker-worker.%s.sandbox.%s", s.worker, strings.ToLower(rand.Text()[:12]))
	defer func() {
		if err != nil {
			err = errors.Join(err, s.removeContainer(ctx, name))
		}
	}()
	created, err := s.createContainer(ctx, name)
	if err != nil {
		return nil, err
	}
	link, err := attachSandbox(ctx, s.engine, created.ID)
	if err != nil {
		return nil, err
	}
	if err = s.engine.ContainerStart(ctx, created.ID); err != nil {
		err = fmt.Errorf("start a sandbox: %w", err)
	} else {
		err = link.ready(ctx)
	}
	if err != nil {
		link.close()
		return nil, err
	}
	return &heldNetwork{id: created.ID, link: link}, nil
}

// createContainer tries again when the image is gone: a worker of another version beside this one removes what it finds
// unused. The engine goes on creating when its caller has left; so this one stays, and what was made can be removed.
func (s *sandboxes) createContainer(ctx context.Context, name string) (dockerapi.ContainerCreated, error) {
	const tries = 5
	for try := 1; ; try++ {
		image, err := s.image.ensure(ctx)
		if err != nil {
			return dockerapi.ContainerCreated{}, err
		}
		whole, end := context.WithTimeout(context.WithoutCancel(ctx), sandboxBudget)
		created, err := s.engine.ContainerCreate(whole, name, s.config(image))
		end()
		if err == nil {
			return created, context.Cause(ctx)
		}
		if try == tries || !dockerapi.IsNotFound(err) {
			return created, fmt.Errorf("create a sandbox: %w", err)
		}
	}
}

// config is the container of a sandbox. Its only right is to set routes, and it gives that up before it is ready.
func (s *sandboxes) config(image string) dockerapi.ContainerConfig {
	c := dockerapi.ContainerConfig{
		Image: image,
		Cmd:   s.cfg.Network.Args(),
		Labels: map[string]string{
			LabelWorker:  s.worker,
			LabelSandbox: fingerprint(image, s.cfg.Network.Args()),
		},
		OpenStdin: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
	}
	h := &c.HostConfig
	confineAll(h)
	init, pids := false, int64(32)
	h.Init = &init // it is its own
	h.CapDrop, h.CapAdd = []string{"ALL"}, []string{"NET_ADMIN"}
	h.ReadonlyRootfs = true
	h.Memory, h.MemorySwap, h.PidsLimit = sandboxMemory, sandboxMemory, &pids
	h.OomScoreAdj = 0 // a task goes before the network that it uses
	h.LogConfig = dockerapi.LogConfig{Type: noLog}
	return c
}

// adopt takes up a sandbox of an earlier process. What is in one that is held is its holder's.
func (s *sandboxes) adopt(ctx context.Context, n *heldNetwork) error {
	s.mu.Lock()
	held := n.holder != ""
	s.mu.Unlock()
	budget, cancel := context.WithTimeout(ctx, sandboxBudget)
	defer cancel()
	link, err := attachSandbox(budget, s.engine, n.id)
	var answer sandbox.Answer
	if err == nil && !held {
		answer, err = link.check(budget)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n.busy = false
	n.link = link
	switch {
	case err != nil:
		n.spoilt = err.Error()
	case answer.Dirty != "":
		n.spoilt = answer.Dirty
	case !held:
		n.in, n.out = answer.In, answer.Out
	}
	if link != nil {
		s.watch(ctx, n)
	}
	s.announce()
	return nil
}

// watch notices the end of a sandbox. Until then nothing waits but what listens to it.
func (s *sandboxes) watch(ctx context.Context, n *heldNetwork) {
	s.watchers.Add(1)
	n.link.afterwards(func() {
		defer s.watchers.Done()
		s.silent(ctx, n)
	})
}

// silent is called when a sandbox says no more. One that is free is replaced; who holds another has no network any more.
// What an engine that goes away means for a task the task finds out itself.
func (s *sandboxes) silent(ctx context.Context, n *heldNetwork) {
	s.mu.Lock()
	known := n.spoilt == ""
	if known {
		n.spoilt = "it has ended, or the engine"
		s.announce()
	}
	s.mu.Unlock()
	if !known {
		return
	}
	if !s.ended(ctx, n.id) {
		return
	}
	s.logger.Warn("a sandbox has ended by itself; another is made", "sandbox", n.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	n.gone = true
	if n.lost != nil {
		n.lost(errNetworkGone)
	}
}

// ended waits for the end of a sandbox that says nothing more: its state follows its last word. false: nobody knows.
func (s *sandboxes) ended(ctx context.Context, id string) bool {
	wait, err := s.engine.ContainerWait(ctx, id, dockerapi.WaitNotRunning)
	if err != nil {
		return dockerapi.IsNotFound(err)
	}
	defer wait.Close()
	_, err = wait.Result()
	return err == nil
}

// remove throws a sandbox away. Where it fails the reaper finds the container later.
func (s *sandboxes) remove(ctx context.Context, n *heldNetwork) error {
	if n.link != nil {
		n.link.close()
	}
	err := s.removeContainer(ctx, n.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, n.id)
	s.announce()
	if err != nil {
		s.logger.Warn("cannot remove a sandbox, will try again", "sandbox", n.id, "error", err)
	}
	return nil
}

func (s *sandboxes) removeContainer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownBudget)
	defer cancel()
	if err := s.engine.ContainerRemove(ctx, id, dockerapi.RemoveOptions{Force: true, Volumes: true}); err != nil {
		return fmt.Errorf("remove a sandbox: %w", err)
	}
	return nil
}

// removeAll ends it. Nobody takes a sandbox any more, and fill has returned.
func (s *sandboxes) removeAll(ctx context.Context) {
	s.mu.Lock()
	rest := make([]*heldNetwork, 0, len(s.known))
	for _, n := range s.known {
		n.spoilt = orDefault(n.spoilt, "the worker ends")
		rest = append(rest, n)
	}
	s.mu.Unlock()
	var removals sync.WaitGroup
	for _, n := range rest {
		removals.Go(func() { _ = s.remove(ctx, n) })
	}
	removals.Wait()
	s.watchers.Wait()
}
