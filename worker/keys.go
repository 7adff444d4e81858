package worker

import (
	"crypto/ed25519"
	"time"

	"github.com/docker-worker/docker-worker/internal/seal"
	"github.com/docker-worker/docker-worker/internal/signature"
	"github.com/docker-worker/docker-worker/worker/task"
)

// Keys are what a worker knows its senders by, and what they seal values for.
type Keys struct {
	Trusted []ed25519.PublicKey // one of them must have signed a task; none: tasks need no signature
	MaxAge  time.Duration       // of a signature when an attempt begins; 0 is no limit
	Sealed  []*seal.PrivateKey
}

// verify says whether the task comes from a sender that is trusted. An attempt that goes on was in time when it began.
func (k Keys) verify(r *Run) error {
	if len(k.Trusted) == 0 {
		return nil
	}
	began := time.Now()
	if claimed := r.past.at(TaskClaimed); claimed != nil {
		began = *claimed
	}
	d := r.delivery
	if err := signature.Verify(k.Trusted, d.Signature, d.MessageID, began, k.MaxAge, d.Body); err != nil {
		return &task.MalformedError{Problems: []task.Problem{{Message: err.Error()}}}
	}
	return nil
}

// unseal opens what was sealed for this task.
func (k Keys) unseal(taskID string, t *task.Task) error {
	return t.Unseal(func(name, sealed string) (string, error) {
		return seal.Open(k.Sealed, taskID, name, sealed)
	})
}
