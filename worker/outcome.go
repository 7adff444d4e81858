package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker-worker/docker-worker/worker/task"
)

// Reason says why a task ended. It is part of the public contract.
type Reason string

// The reasons, as docs/protocol.md lists them.
const (
	Completed           Reason = "completed"            // exit 0
	Failed              Reason = "failed"               // another exit code
	IntermittentTask    Reason = "intermittent-task"    // an exit code after which the task wants to be tried again
	Timeout             Reason = "timeout"              // maxRunTime exceeded
	OOMKilled           Reason = "oom-killed"           // killed for memory
	StartFailed         Reason = "start-failed"         // command not found or not executable
	MalformedPayload    Reason = "malformed-payload"    // not a task, or not one that this host runs
	ImageUnavailable    Reason = "image-unavailable"    // image does not exist, or access denied
	ResourceUnavailable Reason = "resource-unavailable" // registry, disk or engine in trouble for the moment
	Canceled            Reason = "canceled"             // by somebody who may
	WorkerShutdown      Reason = "worker-shutdown"      // the host goes away
	InternalError       Reason = "internal-error"       // a fault of ours
	TooManyAttempts     Reason = "too-many-attempts"    // attempts used up
)

// verdict is what follows from a reason: which event tells it, whether another attempt makes sense, and whether the
// message goes to the dead-letter exchange.
type verdict struct {
	event      EventType
	retry      bool
	deadLetter bool
}

var verdicts = map[Reason]verdict{
	Completed:           {event: TaskCompleted},
	Failed:              {event: TaskFailed},
	IntermittentTask:    {event: TaskException, retry: true},
	Timeout:             {event: TaskFailed},
	OOMKilled:           {event: TaskFailed},
	StartFailed:         {event: TaskFailed},
	MalformedPayload:    {event: TaskException, deadLetter: true},
	ImageUnavailable:    {event: TaskException},
	ResourceUnavailable: {event: TaskException, retry: true},
	Canceled:            {event: TaskException},
	WorkerShutdown:      {event: TaskException, retry: true},
	InternalError:       {event: TaskException, retry: true},
	TooManyAttempts:     {event: TaskException, deadLetter: true},
}

// Outcome is how one attempt at a task ended. Stages add to it in their Teardown.
type Outcome struct {
	Reason    Reason           `json:"reason"`
	Message   string           `json:"message,omitempty"`  // for a person
	Problems  []task.Problem   `json:"problems,omitempty"` // malformed-payload: all of them
	ExitCode  *int             `json:"exitCode,omitempty"` // absent where no process ended
	OOMKilled bool             `json:"oomKilled"`          // the kernel killed something in the container for memory
	Retrying  bool             `json:"retrying"`           // another attempt follows
	Times     Times            `json:"times"`
	Usage     *Usage           `json:"usage,omitempty"` // absent where the command ended before it was measured
	Log       LogSummary       `json:"log"`
	Caches    []CacheUse       `json:"caches,omitempty"`    // by name
	Artifacts []ArtifactReport `json:"artifacts,omitempty"` // by name
}

// Event is the type of the event that tells this outcome.
func (o *Outcome) Event() EventType { return verdicts[o.Reason].event }

// Times says when each phase began. A phase that was not reached is absent.
type Times struct {
	Claimed   *time.Time `json:"claimed,omitempty"`
	Preparing *time.Time `json:"preparing,omitempty"`
	Started   *time.Time `json:"started,omitempty"`  // the container, by the engine's clock
	Finished  *time.Time `json:"finished,omitempty"` // the container, by the engine's clock
	Resolved  *time.Time `json:"resolved,omitempty"`
}

// LogSummary lets a receiver check that it has the whole log.
type LogSummary struct {
	Bytes        int64  `json:"bytes"`        // in all task.log events of this attempt, all streams
	SHA256       string `json:"sha256"`       // of those bytes, in their order; "" where there is no log
	DroppedBytes int64  `json:"droppedBytes"` // written by the command but not relayed; the log says where
	StdoutBytes  int64  `json:"stdoutBytes"`  // written by the command, relayed or not
	StderrBytes  int64  `json:"stderrBytes"`
}

// TaskError ends a task for a reason of its own: the sender's fault, or trouble that the worker foresees. Whatever is
// not a TaskError is a fault of ours.
type TaskError struct {
	Reason   Reason
	ExitCode int // with StartFailed: 126 or 127; else 0
	Err      error
}

func (e *TaskError) Error() string { return e.Err.Error() }

func (e *TaskError) Unwrap() error { return e.Err }

func taskErrorf(reason Reason, format string, args ...any) error {
	return &TaskError{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// The causes for which a running task is cancelled. The context of a task carries one of them, or a wrapping of one.
var (
	// ErrTimeout: the command ran for longer than its maxRunTime.
	ErrTimeout = errors.New("maxRunTime exceeded")
	// ErrCanceled: somebody cancelled the task.
	ErrCanceled = errors.New("canceled")
	// ErrShutdown: the worker must go and cannot wait for the task.
	ErrShutdown = errors.New("the worker shuts down")
	// ErrClaimLost: the broker has given the task to somebody else, or will. Nothing is published or settled.
	ErrClaimLost = errors.New("the claim on the task is lost")
	// ErrService: a service of the task ended before the task did.
	ErrService = errors.New("a service ended")
)

// classify decides why a task ended: the cause of its cancellation first, then a TaskError, else a fault of ours. ctx
// is the task's; err is what the life of the task returned, nil when the command ended by itself; retry lists the exit
// codes after which the task wants to be tried again.
func classify(ctx context.Context, err error, exit *Exit, retry []int) Outcome {
	out := Outcome{}
	if exit != nil {
		out.ExitCode, out.OOMKilled = &exit.Code, exit.OOMKilled
	}
	var taskErr *TaskError
	var malformed *task.MalformedError
	cause := context.Cause(ctx)
	switch {
	case err == nil && exit == nil:
		out.Reason, out.Message = InternalError, "the task ended without an exit code"
	case err == nil && exit.Code == 0:
		out.Reason = Completed
	case err == nil && slices.Contains(retry, exit.Code):
		out.Reason, out.Message = IntermittentTask, fmt.Sprintf("the command exited with code %d, after which it is to be tried again", exit.Code)
	case err == nil && exit.OOMKilled && exit.Code == 137:
		out.Reason, out.Message = OOMKilled, "the command was killed because the container was out of memory"
	case err == nil:
		out.Reason, out.Message = Failed, fmt.Sprintf("the command exited with code %d", exit.Code)
	case errors.Is(err, ErrTimeout):
		out.Reason, out.Message = Timeout, err.Error()
	case errors.Is(cause, ErrCanceled):
		out.Reason, out.Message = Canceled, cause.Error()
	case errors.Is(cause, ErrShutdown):
		out.Reason, out.Message = WorkerShutdown, cause.Error()
	case errors.Is(cause, ErrService):
		out.Reason, out.Message, out.ExitCode = Failed, cause.Error(), nil // how it was stopped is no matter
	case errors.As(err, &malformed):
		out.Reason, out.Message, out.Problems = MalformedPayload, err.Error(), malformed.Problems
	case errors.As(err, &taskErr):
		out.Reason, out.Message, out.ExitCode = taskErr.Reason, err.Error(), nil
		if taskErr.ExitCode != 0 {
			out.ExitCode = &taskErr.ExitCode
		}
	default:
		out.Reason, out.Message = InternalError, err.Error()
	}
	return out
}
