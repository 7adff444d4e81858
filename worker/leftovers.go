package worker

import (
	"context"
	"fmt"
	"os"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// removeLeftovers removes what an earlier process under this id left behind: containers, found by label, and journals.
// Its claims ended with its connection, so others run these tasks now. Only what carries this worker's label is touched,
// and only under the lock.
func (w *Worker) removeLeftovers(ctx context.Context) error {
	found, err := w.cfg.Engine.ContainerList(ctx, dockerapi.ListOptions{
		All:     true,
		Filters: dockerapi.Filters{"label": {LabelWorker + "=" + w.cfg.ID}},
	})
	if err != nil {
		return fmt.Errorf("look for containers that were left behind: %w", err)
	}
	for _, c := range found {
		w.logger.Warn("removing a container that an earlier process left behind",
			"container", c.ID, "task", c.Labels[LabelTask], "attempt", c.Labels[LabelAttempt], "state", c.State)
		if err := w.cfg.Engine.ContainerRemove(ctx, c.ID, dockerapi.RemoveOptions{Force: true, Volumes: true}); err != nil {
			return fmt.Errorf("remove a container that was left behind: %w", err)
		}
	}
	if err := os.RemoveAll(w.taskDir()); err != nil {
		return fmt.Errorf("remove journals that were left behind: %w", err)
	}
	if err := os.MkdirAll(w.taskDir(), 0o700); err != nil {
		return fmt.Errorf("make the directory of the journals: %w", err)
	}
	return nil
}
