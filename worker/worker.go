package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// Config is what a worker is made of. The zero value of an optional field is its default.
type Config struct {
	ID     string // identifies the worker for ever, on this host and at the broker; letters, digits, '_', '.' and '-'
	Type   string // optional: what kind of worker this is, told in events and to the container
	Queue  string // told in the worker's events
	Engine Engine
	Source Source
	Events Publisher
	Logger *slog.Logger

	StateDir       string        // journals and the lock; made where it is missing
	Capacity       int           // tasks at a time; default 1
	Policy         task.Policy   // what a task may ask for; MaxAttempts is 100 by default
	Once           bool          // no attempt follows another: there is no queue to go back to
	Keys           Keys          // to know senders by, and to open sealed values; by default tasks need no signature
	MaxLogSize     int64         // bytes of log kept for a task; default 1 GiB
	KeepLog        bool          // the engine keeps a copy of a log too, for a worker that comes back to its containers
	PrepareTimeout time.Duration // for the pull of an image; default 30 minutes
	ServiceSubnets netip.Prefix  // addresses for the networks of tasks with services, e.g. 10.231.0.0/16; by default the engine's
	Transfers      Transfers     // how files come into containers, and out of them
	CacheSize      int64         // bytes that all caches may have before those not used for long are removed; 0 is no limit
	Sandboxes      Sandboxes     // networks that are ready before tasks come
	Heartbeat      time.Duration // between two worker.heartbeat events; default 1 minute
	Version        string        // of this program, told in events

	// OnTask, where it is set, is called with each task that comes under way here, and what it returns when the task is
	// gone. Neither may block.
	OnTask func(taskID string) (gone func())
}

// Defaults of Config.
const (
	DefaultAttemptsLimit  = 100
	DefaultMaxLogSize     = 1 << 30
	DefaultPrepareTimeout = 30 * time.Minute
	DefaultHeartbeat      = time.Minute
)

// Worker runs tasks. It is made by New and used once, by Run.
type Worker struct {
	cfg       Config
	logger    *slog.Logger
	facts     workerFacts
	engine    dockerapi.Info // what the engine said at the start
	greeted   bool
	gate      *gate
	images    *images
	caches    *caches
	sandboxes *sandboxes
	subnets   subnets
	tasks     tasks
	counters  counters
	handover  handover
	draining  <-chan struct{}
}

var workerIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// CheckID says whether a worker may have the id: it becomes part of queue, container and file names.
func CheckID(id string) error {
	if !workerIDPattern.MatchString(id) {
		return fmt.Errorf("worker id %q: it must have 1 to 128 letters, digits, '_', '.' and '-', and begin with a letter or a digit", id)
	}
	return nil
}

// New checks cfg and fills in its defaults. It touches neither disk nor network.
func New(cfg Config) (*Worker, error) {
	if err := CheckID(cfg.ID); err != nil {
		return nil, err
	}
	if cfg.Engine == nil || cfg.Source == nil || cfg.Events == nil || cfg.StateDir == "" {
		return nil, errors.New("worker: Engine, Source, Events and StateDir are required")
	}
	if err := CheckServiceSubnets(cfg.ServiceSubnets); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Capacity = max(cfg.Capacity, 1)
	cfg.Policy.MaxAttempts = orDefault(cfg.Policy.MaxAttempts, DefaultAttemptsLimit)
	cfg.MaxLogSize = max(orDefault(cfg.MaxLogSize, DefaultMaxLogSize), 2*tailSize)
	cfg.PrepareTimeout = orDefault(cfg.PrepareTimeout, DefaultPrepareTimeout)
	cfg.Transfers.setDefaults()
	cfg.Policy.ArtifactStore = cfg.Transfers.Store != nil
	cfg.Heartbeat = orDefault(cfg.Heartbeat, DefaultHeartbeat)
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find the host's name: %w", err)
	}
	w := &Worker{
		cfg:    cfg,
		logger: cfg.Logger,
		facts:  workerFacts{ID: cfg.ID, Type: cfg.Type, Host: host},
		gate:   newGate(cfg.Engine, cfg.Logger),
		images: &images{engine: cfg.Engine, logger: cfg.Logger, pulls: map[string]*pull{}},
	}
	w.subnets.pool = cfg.ServiceSubnets
	w.caches = newCaches(cfg.Engine, cfg.Logger, cfg.ID, filepath.Join(w.dir(), cacheFile))
	w.sandboxes = newSandboxes(cfg.Sandboxes, cfg.Engine, cfg.Logger, cfg.ID, w.gate.await)
	return w, nil
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Greet agrees with the engine on an API version and asks it about itself. Run does that where it has not been done;
// who wants to wait for an engine calls Greet until it works, before Run.
func (w *Worker) Greet(ctx context.Context) (err error) {
	if err := w.gate.negotiate(ctx); err != nil {
		return fmt.Errorf("agree with the engine on an API version: %w", err)
	}
	// An engine that has just started may answer before it can do anything.
	if w.engine, err = w.cfg.Engine.SystemInfo(ctx); err != nil {
		return fmt.Errorf("ask the engine about itself: %w", err)
	}
	w.greeted = true
	return nil
}

// Run takes tasks until intake ends, and returns when the last of them is settled. The end of work cancels those that
// run, with its cause; it should be ErrShutdown. work must not end before intake does.
//
// The error is nil after such an end. Before a first task is taken it may be: the state directory cannot be used, or
// another worker of the same id uses it (ErrInUse); the engine does not answer.
func (w *Worker) Run(intake, work context.Context) error {
	unlock, err := lockDir(w.dir())
	if err != nil {
		return err
	}
	defer unlock()
	if !w.greeted {
		if err := w.Greet(intake); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(w.taskDir(), 0o700); err != nil {
		return fmt.Errorf("make the directory of the journals: %w", err)
	}
	resumed, err := w.cfg.Source.Resume(intake)
	if err != nil {
		return fmt.Errorf("look for claims of an earlier process: %w", err)
	}
	if err := w.caches.load(intake, explainedBy(resumed)); err != nil {
		return err
	}
	if err := w.sandboxes.load(intake, explainedBy(resumed)); err != nil {
		return err
	}
	// Nothing runs yet: whatever no claim explains was lost to others, however young it is.
	if err := w.reap(intake, time.Now().Add(time.Minute), explainedBy(resumed)); err != nil {
		return err
	}
	w.draining = intake.Done()
	w.logger.Info("taking tasks", "queue", w.cfg.Queue, "worker", w.cfg.ID, "capacity", w.cfg.Capacity)

	beat := w.startHeart(work)
	endSandboxes := w.sandboxes.start(work)
	var slots, reaper sync.WaitGroup
	for n, d := range resumed {
		w.logger.Info("going on with a task of an earlier process", "task", d.MessageID, "attempt", d.Attempts+1)
		slots.Go(func() {
			w.attempt(work, d)
			if n < w.cfg.Capacity {
				w.slot(intake, work)
			}
		})
	}
	for range w.cfg.Capacity - len(resumed) {
		slots.Go(func() { w.slot(intake, work) })
	}
	reaper.Go(func() { w.reapForever(intake) })
	if limit := w.cfg.CacheSize; limit > 0 {
		reaper.Go(func() { w.caches.keepBelow(intake, limit) })
	}
	<-intake.Done()
	beat.drain()
	slots.Wait()
	reaper.Wait()
	endSandboxes()
	w.images.pulling.Wait() // all are cancelled: nobody waits for them
	beat.stop()
	return nil
}

// slot takes and runs one task after the other.
func (w *Worker) slot(intake, work context.Context) {
	for {
		// A task is not taken for an engine that cannot run it.
		if err := w.gate.await(intake); err != nil {
			return
		}
		d, err := w.cfg.Source.Receive(intake)
		if err != nil {
			if intake.Err() != nil {
				return
			}
			w.logger.Error("cannot receive a task", "error", err)
			if sleep(intake, time.Second) != nil {
				return
			}
			continue
		}
		if intake.Err() != nil {
			w.giveBack(work, d)
			return
		}
		w.attempt(work, d)
	}
}

// attempt processes a delivery, whatever happens.
func (w *Worker) attempt(work context.Context, d *Delivery) {
	d.Claim = careful{d.Claim, &w.handover}
	// A resumed attempt that does not come as far as its caches gives them up all the same.
	defer w.caches.giveBack(cacheHolder(d.MessageID, strconv.Itoa(d.Attempts+1)), true)
	defer w.sandboxes.abandon(cacheHolder(d.MessageID, strconv.Itoa(d.Attempts+1)))
	if err := guard(func() error { w.process(work, d); return nil }); err != nil {
		var bug *panicError
		errors.As(err, &bug)
		w.logger.Error("a bug in docker-worker: a task is given back", "error", err, "stack", string(bug.stack))
		w.giveBack(work, d)
	}
}

// dir is where this worker keeps its things, apart from those of others on the host.
func (w *Worker) dir() string { return filepath.Join(w.cfg.StateDir, w.cfg.ID) }

// taskDir holds the journals of the tasks under way.
func (w *Worker) taskDir() string { return filepath.Join(w.dir(), "tasks") }

// Cancel ends a task: stop signal, grace, SIGKILL. One that is not here is remembered for an hour, and ends as canceled
// should it come. It tells whether the task was here.
func (w *Worker) Cancel(taskID string) (here bool) {
	here = w.tasks.stop(taskID)
	w.logger.Info("cancel", "task", taskID, "here", here)
	return here
}
