package worker

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

const (
	// defaultReady is how long a service may take to be ready if its task does not say.
	defaultReady = time.Minute
	// A service is asked often at first, and then less so.
	readyPauseMin = 100 * time.Millisecond
	readyPauseMax = time.Second
)

// probe asks once whether a service at an address can be used, by a ready that names tcp or http. reached tells whether
// anybody answered, if only to refuse: where nobody does there is no way from here to the container.
type probe func(ctx context.Context, name, address string, ready task.Ready) (reached bool, err error)

// await returns when the service can be used: as its task says, else as the HEALTHCHECK of its image does, else as soon
// as it runs. A service that ends meanwhile ends ctx.
func (s *service) await(ctx context.Context) error {
	ready := task.Ready{}
	if s.spec.Ready != nil {
		ready = *s.spec.Ready
	}
	probed := ready.TCP != 0 || ready.HTTP != nil
	if probed && elsewhere(s.engine.Host()) {
		return taskErrorf(ResourceUnavailable, "service %s: tcp and http are asked from the worker's host, and its engine (%s) is on another one; a HEALTHCHECK of the image works there",
			s.name, s.engine.Host())
	}
	limit := orDefault(ready.Timeout.Duration(), defaultReady)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	reached := !probed
	var last error
	for pause := readyPauseMin; limited.Err() == nil; pause = min(2*pause, readyPauseMax) {
		c, err := s.engine.ContainerInspect(limited, s.id)
		if err == nil && !c.State.Running {
			err = errors.New("it does not run")
		}
		switch {
		case err != nil:
		case probed:
			var answered bool
			answered, err = s.probe(limited, s.name, c.NetworkSettings.Networks[s.network].IPAddress, ready)
			reached = reached || answered
		default:
			err = healthy(c.State.Health)
		}
		if err == nil {
			return nil
		}
		if limited.Err() == nil || last == nil {
			last = err
		}
		_ = sleep(limited, pause)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !reached:
		return taskErrorf(ResourceUnavailable, "service %s cannot be reached from the worker's host: %w", s.name, last)
	}
	return taskErrorf(Failed, "service %s was not ready after %v: %w", s.name, limit, last)
}

// healthy is nil for a container whose own check succeeds, or that has none.
func healthy(health *dockerapi.Health) error {
	if health == nil || health.Status == "" || health.Status == "none" || health.Status == "healthy" {
		return nil
	}
	return fmt.Errorf("its HEALTHCHECK says %s", health.Status)
}

// elsewhere tells whether an engine is on another host than this one.
func elsewhere(engine string) bool {
	u, err := url.Parse(engine)
	return err == nil && u.Scheme == "tcp" && u.Hostname() != "localhost" && u.Hostname() != "::1" && !strings.HasPrefix(u.Hostname(), "127.")
}
