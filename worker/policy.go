package worker

import (
	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// policy is the operator's, with the memory of this host for a container that nobody set a limit for: nine tenths, so
// that a task that takes all it can get is ended before the host is.
func (w *Worker) policy() task.Policy {
	return WithHost(w.cfg.Policy, w.engine)
}

// WithHost fills in what a policy leaves to the host: a container for which nobody set a limit gets nine tenths of the
// memory that there is, and none gets more CPUs than there are: the engine refuses that.
func WithHost(p task.Policy, host dockerapi.Info) task.Policy {
	const step = 1 << 20
	if p.Default.Memory == 0 && p.Max.Memory == 0 {
		p.Default.Memory = task.Bytes(host.MemTotal / 10 * 9 / step * step)
	}
	p.HostCPUs = float64(host.NCPU)
	return p
}
