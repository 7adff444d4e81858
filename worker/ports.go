package worker

import (
	"context"
	"io"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// Source is where tasks come from.
type Source interface {
	// Receive waits for the next task, until ctx ends. It is called from many goroutines, one for each free slot: the
	// calls under way are the tasks that the worker has room for, and a Source holds no more than these.
	Receive(ctx context.Context) (*Delivery, error)

	// Resume returns what an earlier process under this worker's id held and had not settled: its claims are still
	// ours. It is called once, before Receive. Where a claim ends with its process there is nothing to resume.
	Resume(ctx context.Context) ([]*Delivery, error)
}

// Delivery is a message that holds a task, and the claim on it.
type Delivery struct {
	Claim

	Body          []byte
	MessageID     string // the task's id; may be missing or rubbish
	CorrelationID string
	ReplyTo       string // queue that gets a copy of every event; "" for none
	Signature     string // by its sender; "" for none
	Traceparent   string // W3C trace context, passed on
	Queue         string
	Attempts      int  // attempts that were begun before this one
	Resumed       bool // an attempt of an earlier process under this id: its container may be there
}

// Claim is this worker's hold on a task. One of the four methods that settle it is called, once, and after the outcome
// was confirmed; none is called once Lost is closed.
type Claim interface {
	// Lost is closed when the hold is gone: somebody else has the task, or will have it.
	Lost() <-chan struct{}
	// Until is when the hold ends if it is not renewed; the zero time where it has no such end.
	Until() time.Time
	// Hold makes the task ours for as long as it takes, as its attempt-th attempt. It comes once, after the message was
	// found to be a task and before work on it begins.
	Hold(ctx context.Context, attempt int) error
	// Done removes the task from the queue.
	Done(ctx context.Context) error
	// DeadLetter removes it and hands it to the queue's dead-letter exchange, where there is one.
	DeadLetter(ctx context.Context) error
	// Retry puts it back with the number of attempts begun so far.
	Retry(ctx context.Context, attempts int) error
	// GiveBack puts it back as if it had not been delivered.
	GiveBack(ctx context.Context) error
}

// Publisher relays events. Publish returns nil when all messages are confirmed by whoever takes them, in the order
// given; it tries again, whatever happens, until ctx ends. Many goroutines call it.
type Publisher interface {
	Publish(ctx context.Context, messages ...Message) error
}

// Engine is what the worker needs of a Docker engine. Docker makes one from a client.
type Engine interface {
	Host() string
	APIVersion() string
	SystemPing(ctx context.Context) (dockerapi.Ping, error)
	SystemInfo(ctx context.Context) (dockerapi.Info, error)
	Negotiate(ctx context.Context) (dockerapi.Negotiated, error)
	imageEngine
	imageStore
	containerEngine
	archiveEngine
	networkEngine
	volumeEngine
	execEngine
}

// archiveEngine copies files into containers and out of them.
type archiveEngine interface {
	ContainerArchiveInfo(ctx context.Context, id, path string) (dockerapi.PathStat, error)
	ContainerArchive(ctx context.Context, id, path string) (io.ReadCloser, dockerapi.PathStat, error)
	PutContainerArchive(ctx context.Context, id, path string, tar io.Reader, opts dockerapi.PutArchiveOptions) error
}

// networkEngine makes networks for tasks with services.
type networkEngine interface {
	NetworkCreate(ctx context.Context, cfg dockerapi.NetworkConfig) (string, error)
	NetworkInspect(ctx context.Context, id string) (dockerapi.Network, error)
	NetworkList(ctx context.Context, filters dockerapi.Filters) ([]dockerapi.Network, error)
	NetworkRemove(ctx context.Context, id string) error
}

// volumeEngine makes the volumes that are caches.
type volumeEngine interface {
	VolumeCreate(ctx context.Context, cfg dockerapi.VolumeConfig) (dockerapi.Volume, error)
	VolumeList(ctx context.Context, filters dockerapi.Filters) ([]dockerapi.Volume, error)
	VolumeRemove(ctx context.Context, name string, force bool) error
	SystemDataUsage(ctx context.Context, opts dockerapi.DiskUsageOptions) (dockerapi.DiskUsage, error)
}

// execEngine runs a command beside a container's own.
type execEngine interface {
	ContainerExec(ctx context.Context, container string, cfg dockerapi.ExecConfig) (string, error)
	ExecStart(ctx context.Context, id string, tty bool) (*dockerapi.Attachment, error)
	ExecInspect(ctx context.Context, id string) (dockerapi.ExecState, error)
}

type imageEngine interface {
	ImageInspect(ctx context.Context, ref string) (dockerapi.Image, error)
	ImagePull(ctx context.Context, ref string, opts dockerapi.PullOptions) error
}

// imageStore keeps the image of sandboxes.
type imageStore interface {
	ImageLoad(ctx context.Context, tar io.Reader, opts dockerapi.LoadOptions) ([]string, error)
	ImageList(ctx context.Context, opts dockerapi.ImageListOptions) ([]dockerapi.ImageSummary, error)
	ImageRemove(ctx context.Context, ref string, opts dockerapi.ImageRemoveOptions) ([]dockerapi.ImageDeleted, error)
}

type containerEngine interface {
	ContainerCreate(ctx context.Context, name string, cfg dockerapi.ContainerConfig) (dockerapi.ContainerCreated, error)
	ContainerInspect(ctx context.Context, id string) (dockerapi.Container, error)
	ContainerList(ctx context.Context, opts dockerapi.ListOptions) ([]dockerapi.ContainerSummary, error)
	ContainerLogs(ctx context.Context, id string, opts dockerapi.LogsOptions) (io.ReadCloser, error)
	ContainerRemove(ctx context.Context, id string, opts dockerapi.RemoveOptions) error
	processEngine
}

type processEngine interface {
	ContainerAttach(ctx context.Context, id string, opts dockerapi.AttachOptions) (io.ReadCloser, error)
	ContainerWait(ctx context.Context, id string, condition dockerapi.WaitCondition) (Waiter, error)
	ContainerStart(ctx context.Context, id string) error
	ContainerStop(ctx context.Context, id string, opts dockerapi.StopOptions) error
	ContainerKill(ctx context.Context, id, signal string) error
	ContainerStats(ctx context.Context, id string) (dockerapi.Stats, error)
}

// Waiter is a wait that the engine has accepted. Result blocks until the exit; an error means that the exit is unknown,
// never that there was none.
type Waiter interface {
	Result() (dockerapi.ExitStatus, error)
	Close() error
}

// Docker is the Engine behind a client of the Docker remote API.
func Docker(client *dockerapi.Client) Engine { return docker{client} }

type docker struct{ *dockerapi.Client }

func (d docker) ContainerAttach(ctx context.Context, id string, opts dockerapi.AttachOptions) (io.ReadCloser, error) {
	return d.Client.ContainerAttach(ctx, id, opts)
}

func (d docker) ContainerWait(ctx context.Context, id string, condition dockerapi.WaitCondition) (Waiter, error) {
	return d.Client.ContainerWait(ctx, id, condition)
}

// Exit is how a container's main process ended, by the engine's word.
type Exit struct {
	Code      int
	OOMKilled bool
	Started   time.Time
	Finished  time.Time
}
