package dockerapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// RemoveOptions tell what is removed.
type RemoveOptions struct {
	Force   bool // kill it first if it runs
	Volumes bool // its anonymous volumes too
}

const (
	firstRemovePoll = 20 * time.Millisecond
	maxRemovePoll   = 500 * time.Millisecond

	// maxRemoveConflicts is how often a refusal is believed to be somebody else's removal that the state does not show.
	maxRemoveConflicts = 4
)

// ContainerRemove removes a container. One that does not exist is success. While somebody else removes it (409), it
// waits for the end of that, for as long as the context allows. Errors: 409 when it runs and Force is not set,
// 500 when the storage is busy.
func (c *Client) ContainerRemove(ctx context.Context, id string, opts RemoveOptions) error {
	r, err := containerRequest("ContainerDelete", http.MethodDelete, id, "")
	if err != nil {
		return err
	}
	r.query = url.Values{}
	setTrue(r.query, "force", opts.Force)
	setTrue(r.query, "v", opts.Volumes)
	conflicts := 0
	for pause := firstRemovePoll; ; pause = min(2*pause, maxRemovePoll) {
		refused := c.call(ctx, r, nil)
		if !IsConflict(refused) {
			return ignoreNotFound(refused)
		}
		// Two things are a conflict: it runs, or it is being removed already. Only its state tells them apart.
		seen, err := c.ContainerInspect(ctx, id)
		if err != nil {
			return ignoreNotFound(err)
		}
		if seen.State.Status != "removing" {
			// Unless it runs, the other removal may just have failed: then it is ours to try.
			if conflicts++; !opts.Force && seen.State.Running || conflicts == maxRemoveConflicts {
				return refused
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return transportError(ctx, r, err)
		}
	}
}

// ignoreNotFound is for calls after which the thing is to be gone.
func ignoreNotFound(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

// sleep ends early, with an error, when the context does.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
