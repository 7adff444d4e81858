package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// images finds and fetches images for all tasks of the worker: one pull for each reference at a time, shared by its
// waiters, and different references side by side.
type images struct {
	engine imageEngine
	logger *slog.Logger

	mu    sync.Mutex
	pulls map[string]*pull

	pulling sync.WaitGroup // the goroutines of the pulls
}

// pull is a pull under way. It goes on as long as somebody waits for it.
type pull struct {
	waiters  int
	cancel   context.CancelCauseFunc
	done     chan struct{}
	err      error // valid once done is closed
	progress progress
}

// errNobodyWaits ends a pull that all its waiters have left.
var errNobodyWaits = errors.New("nobody waits for the image")

// pullAttempts is how often a pull is tried that fails for a reason that may pass, and pullBackoff the first pause.
const (
	pullAttempts = 3
	pullBackoff  = 2 * time.Second
)

// ensure returns the image that ref stands for, pulling it when it is not there. report is called now and then with the
// progress of a pull. Errors are TaskErrors: ImageUnavailable where trying again is no use, else ResourceUnavailable.
func (s *images) ensure(ctx context.Context, ref task.Reference, report func(ImageProgress)) (dockerapi.Image, error) {
	image, err := s.engine.ImageInspect(ctx, ref.String())
	if err == nil {
		return image, nil
	}
	if !dockerapi.IsNotFound(err) {
		return image, engineTrouble("inspect image "+ref.String(), err)
	}
	if err := s.pull(ctx, ref.String(), report); err != nil {
		return image, err
	}
	// That the pull succeeded is a claim; that the image is there is a fact.
	image, err = s.engine.ImageInspect(ctx, ref.String())
	if dockerapi.IsNotFound(err) {
		return image, taskErrorf(ImageUnavailable, "image %s is not there after its pull", ref)
	}
	if err != nil {
		return image, engineTrouble("inspect image "+ref.String(), err)
	}
	return image, nil
}

// pull waits for the pull of ref, and starts it where none is under way.
func (s *images) pull(ctx context.Context, ref string, report func(ImageProgress)) error {
	s.mu.Lock()
	p := s.pulls[ref]
	if p == nil {
		p = s.start(ctx, ref)
	}
	p.waiters++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if p.waiters--; p.waiters == 0 {
			p.cancel(errNobodyWaits)
			if s.pulls[ref] == p {
				delete(s.pulls, ref) // a new waiter must not join a pull that is being given up
			}
		}
	}()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return p.err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			if now, ok := p.progress.sum(); ok {
				now.Image = ref
				report(now)
			}
		}
	}
}

// start begins a pull in a goroutine that ends with it. Called with mu held. The pull outlives the task that asked
// first, if others wait.
func (s *images) start(ctx context.Context, ref string) *pull {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	p := &pull{cancel: cancel, done: make(chan struct{})}
	s.pulls[ref] = p
	s.pulling.Go(func() {
		defer close(p.done)
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.pulls[ref] == p {
				delete(s.pulls, ref)
			}
		}()
		p.err = guard(func() error { return s.fetch(ctx, ref, &p.progress) })
		cancel(nil)
	})
	return p
}

// fetch pulls ref, again where the trouble may pass.
func (s *images) fetch(ctx context.Context, ref string, progress *progress) error {
	pause := pullBackoff
	for attempt := 1; ; attempt++ {
		begun := time.Now()
		err := s.engine.ImagePull(ctx, ref, dockerapi.PullOptions{Progress: progress.note})
		switch {
		case err == nil:
			s.logger.Info("pulled image", "image", ref, "took", time.Since(begun).Round(time.Millisecond))
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case dockerapi.IsNotFound(err) || dockerapi.IsDenied(err) || dockerapi.IsInvalid(err):
			return taskErrorf(ImageUnavailable, "pull image %s: %w", ref, err)
		case attempt == pullAttempts:
			return taskErrorf(ResourceUnavailable, "pull image %s, tried %d times: %w", ref, attempt, err)
		}
		s.logger.Warn("cannot pull image, will try again", "image", ref, "in", pause, "error", err)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause *= 2
	}
}

// progress sums what the engine says of each layer.
type progress struct {
	mu     sync.Mutex
	layers map[string]dockerapi.PullProgress
}

func (p *progress) note(layer dockerapi.PullProgress) {
	// "Extracting" counts the same bytes once more.
	if layer.Status != "Downloading" || layer.Total <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.layers == nil {
		p.layers = map[string]dockerapi.PullProgress{}
	}
	p.layers[layer.ID] = layer
}

// sum is false as long as the engine has named no layer.
func (p *progress) sum() (ImageProgress, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var total ImageProgress
	for _, layer := range p.layers {
		total.CurrentBytes += layer.Current
		total.TotalBytes += layer.Total
	}
	return total, len(p.layers) > 0
}

// engineTrouble wraps an error of the engine that is neither the task's fault nor ours.
func engineTrouble(doing string, err error) error {
	return &TaskError{Reason: ResourceUnavailable, Err: fmt.Errorf("%s: %w", doing, err)}
}

// sleep waits for d, or for the end of ctx, whose cause it returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
