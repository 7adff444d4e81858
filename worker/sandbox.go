package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/sandbox"
)

// Labels of sandboxes. A container that is one has the first, a task's container that joined one the second.
const (
	LabelSandbox = "docker-worker.sandbox" // what it was made of: two with the same value are alike
	LabelJoined  = "docker-worker.joined"  // its id, and the bytes that came and went before, with spaces between
)

// Sandboxes say how networks are prepared for tasks. The zero value prepares none.
type Sandboxes struct {
	Count   int            // how many are kept ready or in use
	Once    bool           // each serves one task; by default one in which nothing was left serves again
	Network sandbox.Policy // what tasks in them cannot reach
	Strict  bool           // no task that could have one runs without
	Program string         // file of this program, a static one, which runs in them; by default this process's
}

// sandboxes are containers that each hold a network, ready before a task needs it: a container that joins one starts
// twice as fast as one for which the engine makes a network. All methods may be called from several goroutines.
type sandboxes struct {
	cfg    Sandboxes
	engine sandboxEngine
	logger *slog.Logger
	worker string                          // id
	alive  func(ctx context.Context) error // returns when the engine answers
	image  sandboxImage

	mu      sync.Mutex
	known   map[string]*heldNetwork // by container id
	making  int
	changed chan struct{} // closed, and replaced, when something here has changed
	trouble error         // why the last one that was tried could not be made

	watchers sync.WaitGroup // over those that run
	returns  sync.WaitGroup // of those that were given back
}

// sandboxEngine is what sandboxes need of an engine.
type sandboxEngine interface {
	imageStore
	containerEngine
	ImageInspect(ctx context.Context, ref string) (dockerapi.Image, error)
}

// heldNetwork is one sandbox.
type heldNetwork struct {
	id     string
	link   *sandboxLink      // nil for one of an earlier process, until it has been asked how it is
	holder string            // the attempt that has it, "" for none
	lost   func(cause error) // of the holder: hears that the network is gone
	spoilt string            // why nobody gets it any more, "" for a good one
	gone   bool              // it has ended by itself
	busy   bool              // somebody asks it or removes it
	in     uint64            // bytes that it had carried when it was asked last
	out    uint64
}

func newSandboxes(cfg Sandboxes, engine sandboxEngine, logger *slog.Logger, workerID string, alive func(context.Context) error) *sandboxes {
	return &sandboxes{cfg: cfg, engine: engine, logger: logger, worker: workerID, alive: alive,
		image: sandboxImage{engine: engine, logger: logger, program: cfg.Program},
		known: map[string]*heldNetwork{}, changed: make(chan struct{})}
}

// take gives the holder a sandbox; nil where the task should have a network of its own after all. lost is called when
// the network ends before it is given back.
//
// Where addresses are denied a task waits for the sandbox that is being made, because there it cannot reach them;
// otherwise it is started at once, whatever there is.
func (s *sandboxes) take(ctx context.Context, holder string, lost func(cause error)) (*heldNetwork, error) {
	for {
		s.mu.Lock()
		returning := false
		for _, n := range s.known {
			if n.free() {
				n.holder, n.lost = holder, lost
				s.mu.Unlock()
				return n, nil
			}
			returning = returning || n.returning()
		}
		changed, trouble := s.changed, s.trouble
		s.mu.Unlock()
		switch {
		case s.cfg.Count == 0:
			return nil, nil
		case returning: // this takes no time
		case trouble != nil && s.cfg.Strict:
			return nil, engineTrouble("make a sandbox, without which the addresses that are denied could be reached", trouble)
		case trouble != nil, len(s.cfg.Network.Deny) == 0:
			return nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (n *heldNetwork) free() bool {
	return n.holder == "" && n.spoilt == "" && n.link != nil && !n.busy
}

// returning tells that it will be free, or spoilt, in a moment.
func (n *heldNetwork) returning() bool {
	return n.holder == "" && n.spoilt == "" && n.link != nil && n.busy
}

// heldBy is the sandbox of an attempt that an earlier process began; nil for none.
func (s *sandboxes) heldBy(holder string, lost func(cause error)) *heldNetwork {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.known {
		if n.holder == holder {
			if n.lost = lost; n.gone {
				lost(errNetworkGone)
			}
			return n
		}
	}
	return nil
}

// giveBack ends the hold on a sandbox, and returns at once: nobody waits for the question whether something was left in
// it. If so it is thrown away, and another is made. joined is asked first whether the container is still in it.
func (s *sandboxes) giveBack(ctx context.Context, n *heldNetwork, joined func(ctx context.Context) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.busy {
		n.spoilt = orDefault(n.spoilt, "it was given back before it was taken up")
	}
	n.holder, n.lost, n.busy = "", nil, true
	s.returns.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownBudget)
		defer cancel()
		why := "its container is there still, or the engine cannot tell"
		var answer sandbox.Answer
		if !joined(ctx) {
			answer, why = s.inspect(ctx, n)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		n.busy, n.in, n.out = false, answer.In, answer.Out
		if why != "" {
			s.logger.Debug("a sandbox is thrown away", "sandbox", n.id, "why", why)
			n.spoilt = orDefault(n.spoilt, why)
		}
		s.announce()
	})
}

// inspect finds out whether a sandbox that was given back can serve again. why is the reason if not.
func (s *sandboxes) inspect(ctx context.Context, n *heldNetwork) (answer sandbox.Answer, why string) {
	s.mu.Lock()
	spoilt, link, surplus := n.spoilt, n.link, s.good() > s.cfg.Count
	s.mu.Unlock()
	switch {
	case spoilt != "":
		return answer, spoilt
	case s.cfg.Once:
		return answer, "it serves once"
	case link == nil:
		return answer, "it could not be asked"
	case surplus:
		return answer, "there are enough"
	}
	answer, err := link.check(ctx)
	if err != nil {
		return answer, err.Error()
	}
	return answer, answer.Dirty
}

// abandon throws away what a holder has that did not give it back.
func (s *sandboxes) abandon(holder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.known {
		if n.holder == holder {
			n.holder, n.lost, n.spoilt = "", nil, orDefault(n.spoilt, "its holder is gone")
			s.announce()
		}
	}
}

// good counts those that serve, or will. Called with mu held.
func (s *sandboxes) good() int {
	good := s.making
	for _, n := range s.known {
		if n.spoilt == "" {
			good++
		}
	}
	return good
}

// announce wakes all that wait for a change. Called with mu held.
func (s *sandboxes) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// knows tells whether a container is a sandbox that is in use here, or will be.
func (s *sandboxes) knows(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[id] != nil
}

// load finds the sandboxes of an earlier process. Those that containers of attempts which explain knows have joined are
// held by these: without its sandbox a container has no network.
func (s *sandboxes) load(ctx context.Context, explain func(taskID, attempt string) bool) error {
	list, err := s.engine.ContainerList(ctx, dockerapi.ListOptions{
		All: true, Filters: dockerapi.Filters{"label": {LabelWorker + "=" + s.worker}},
	})
	if err != nil {
		return fmt.Errorf("look for sandboxes of an earlier process: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	holders := map[string]*heldNetwork{}
	for _, c := range list {
		if taskID, attempt := c.Labels[LabelTask], c.Labels[LabelAttempt]; c.Labels[LabelJoined] != "" && explain(taskID, attempt) {
			id, in, out := parseJoined(c.Labels[LabelJoined])
			holders[id] = &heldNetwork{id: id, holder: cacheHolder(taskID, attempt), in: in, out: out}
		}
	}
	for _, c := range list {
		if n := holders[c.ID]; n != nil && c.Labels[LabelSandbox] != "" {
			s.known[c.ID] = n
			if !s.alike(c) {
				n.spoilt = "it is not as this worker's are"
			}
		}
	}
	for _, c := range list {
		if c.Labels[LabelSandbox] != "" && c.State == "running" && holders[c.ID] == nil && s.good() < s.cfg.Count && s.alike(c) {
			s.known[c.ID] = &heldNetwork{id: c.ID}
		}
	}
	return nil
}

// alike tells whether a sandbox is of the same program and the same policy as those that are made here. It reads the
// program, which takes some of the time of a start.
func (s *sandboxes) alike(c dockerapi.ContainerSummary) bool {
	if s.cfg.Count == 0 {
		return false
	}
	reference, err := s.image.reference()
	return err == nil && c.Labels[LabelSandbox] == fingerprint(reference, s.cfg.Network.Args())
}

func formatJoined(n *heldNetwork) string { return fmt.Sprintf("%s %d %d", n.id, n.in, n.out) }

func parseJoined(label string) (id string, in, out uint64) {
	_, _ = fmt.Sscanf(label, "%s %d %d", &id, &in, &out)
	return id, in, out
}

// errNetworkGone ends a task whose sandbox has ended.
var errNetworkGone = errors.New("the sandbox that holds the network of the task has ended")
