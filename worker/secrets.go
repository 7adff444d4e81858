package worker

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/docker-worker/docker-worker/internal/mask"
	"github.com/docker-worker/docker-worker/worker/task"
)

// hide masks the task's secrets in everything that is said from here on: log, events, outcome, the operator's log.
func (r *Run) hide(secrets []task.Secret) error {
	total := 0
	values := make([]string, len(secrets))
	for i, s := range secrets {
		values[i] = s.Value
		total += len(s.Value)
	}
	if total > mask.MaxTotal {
		return &task.MalformedError{Problems: []task.Problem{{Pointer: "/secrets", Message: fmt.Sprintf(
			"the values of all secrets have %d bytes; at most %d can be masked", total, mask.MaxTotal)}}}
	}
	r.masker = mask.New(values)
	r.journal.hide(r.masker)
	if r.masker != nil {
		r.Logger = slog.New(maskedLog{r.Logger.Handler(), r.masker})
	}
	return nil
}

// tellShort says which secrets are not masked: hardly any text would be left.
func (r *Run) tellShort(secrets []task.Secret) {
	for _, s := range secrets {
		if !mask.Maskable(s.Value) {
			r.Logf("the value of %s is not masked: it has less than %d characters", s.Name, mask.MinLength)
		}
	}
}

// suspected are the secrets of a message that is no task, for what is said about it. Which of its parts can be relied on
// nobody knows: every variable whose name stands in secrets is one.
func suspected(body []byte) []task.Secret {
	var message struct {
		Env     map[string]any
		Secrets []any
	}
	_ = json.Unmarshal(body, &message) // what is of the right kind is filled in all the same
	var secrets []task.Secret
	for _, name := range message.Secrets {
		if name, ok := name.(string); ok && message.Env[name] != nil {
			secrets = append(secrets, task.Secret{Name: name, Value: fmt.Sprint(message.Env[name])})
		}
	}
	return secrets
}
