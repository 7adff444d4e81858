package worker

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// Until is the end of a claim that is not renewed; the fake's has none.
func (c *fakeClaim) Until() time.Time { return time.Time{} }

// Resume returns what an earlier process held.
func (q *fakeQueue) Resume(context.Context) ([]*Delivery, error) { return q.resumed, nil }

// ContainerLogs replays what the container has written so far.
func (e *fakeEngine) ContainerLogs(ctx context.Context, id string, _ dockerapi.LogsOptions) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(nil)), nil
}

// Resume has nothing.
func (*lateSource) Resume(context.Context) ([]*Delivery, error) { return nil, nil }
