package worker

import (
	"context"
	"log/slog"
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
	}
	logger *slog.Logger
	turn   chan struct{} // holds one token
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
