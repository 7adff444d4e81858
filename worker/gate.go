package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const (
	gatePauseMin = 200 * time.Millisecond
	gatePauseMax = 10 * time.Second
	gatePing     = 10 * time.Second // an engine that takes longer to say OK is not there
)

// gate is open while the engine answers. All slots look at it before they take a task; one of them waits for an engine
// that is away, and says so once, while the others wait for that one.
type gate struct {
	engine interface {
		Host() string
		SystemPing(ctx context.Context) (dockerapi.Ping, error)
		Negotiate(ctx context.Context) (dockerapi.Negotiated, error)
	}
	logger *slog.Logger
	turn   chan struct{} // holds one token

	mu        sync.Mutex
	outages   int64  // how often the engine was away
	makeshift string // why the API version is a makeshift, "" where it is not
}

func newGate(engine Engine, logger *slog.Logger) *gate {
	return &gate{engine: engine, logger: logger, turn: make(chan struct{}, 1)}
}

// await returns when the engine has answered, or with the cause of ctx.
func (g *gate) await(ctx context.Context) error {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	pause := gatePauseMin
	var away time.Time
	for {
		err := g.ping(ctx)
		if err == nil && !away.IsZero() {
			err = g.negotiate(ctx) // it may have come back as another one
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && away.IsZero():
			return nil
		case err == nil:
			g.logger.Info("the engine answers again", "engine", g.engine.Host(), "away", time.Since(away).Round(time.Second))
			return nil
		case away.IsZero():
			away = time.Now()
			g.count()
			g.logger.Error("the engine does not answer; no task is taken until it does", "engine", g.engine.Host(), "error", err)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, gatePauseMax)
	}
}

func (g *gate) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gatePing)
	defer cancel()
	_, err := g.engine.SystemPing(ctx)
	return err
}

// negotiate fixes the API version for the engine that is there now. The client logs what has changed.
func (g *gate) negotiate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gatePing)
	defer cancel()
	n, err := g.engine.Negotiate(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.makeshift = n.Warning
	return nil
}

func (g *gate) count() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.outages++
}

// health is what the worker's events tell of the engine: how often it was away, and why it is spoken to in a version
// that was not tested, if it is.
func (g *gate) health() (outages int64, makeshift string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.outages, g.makeshift
}
