package worker

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// The first sample of what a container uses is taken early, for the many tasks that are short; then they are rare.
const (
	usageFirst    = time.Second
	usageInterval = 10 * time.Second
)

// Usage is what the command used, as of the last sample. Samples are ten seconds apart, so the peak of the memory is a
// lower bound where the engine does not keep it (cgroup v2).
type Usage struct {
	PeakMemory   uint64    `json:"peakMemory"` // bytes, with the page cache on cgroup v1
	CPUSeconds   float64   `json:"cpuSeconds"`
	NetworkIn    uint64    `json:"networkIn"`  // bytes
	NetworkOut   uint64    `json:"networkOut"` // bytes
	BlockRead    uint64    `json:"blockRead"`  // bytes
	BlockWritten uint64    `json:"blockWritten"`
	Sampled      time.Time `json:"sampled"`
}

// usage collects the samples of one container.
type usage struct {
	mu   sync.Mutex
	last Usage
	in   uint64 // bytes that the network had carried before
	out  uint64
}

// networkBefore says what the container's network had carried when the container joined it. It comes before measure.
func (u *usage) networkBefore(in, out uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.in, u.out = in, out
}

// measure takes samples until stop is called, which waits for one under way.
func (u *usage) measure(ctx context.Context, engine processEngine, container string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	end := repeat(usageFirst, usageInterval, func() (again bool) {
		if ctx.Err() != nil {
			return false
		}
		stats, err := engine.ContainerStats(ctx, container)
		if err == nil {
			u.add(stats, time.Now().UTC())
			return true
		}
		// Others are of a container that is gone, or of an engine that cannot tell.
		return dockerapi.IsUnavailable(err)
	})
	return func() { cancel(); end() }
}

func (u *usage) add(s dockerapi.Stats, at time.Time) {
	if s.MemoryStats.Usage == 0 && s.CPUStats.CPUUsage.TotalUsage == 0 {
		return // of a container that is not running (any more)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	sample := Usage{
		PeakMemory: max(u.last.PeakMemory, s.MemoryStats.MaxUsage, s.MemoryStats.WorkingSet()),
		CPUSeconds: float64(s.CPUStats.CPUUsage.TotalUsage) / 1e9,
		Sampled:    at,
	}
	for _, n := range s.Networks {
		sample.NetworkIn += n.RxBytes
		sample.NetworkOut += n.TxBytes
	}
	sample.NetworkIn -= min(u.in, sample.NetworkIn)
	sample.NetworkOut -= min(u.out, sample.NetworkOut)
	for _, entry := range s.BlkioStats.IOServiceBytes {
		switch strings.ToLower(entry.Op) {
		case "read":
			sample.BlockRead += entry.Value
		case "write":
			sample.BlockWritten += entry.Value
		}
	}
	u.last = sample
}

// summary is what the outcome tells; nil where nothing was measured. What ran out of memory had all there was.
func (u *usage) summary(exit *Exit, limits task.Limits) *Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	sum := u.last
	if exit != nil && exit.OOMKilled && limits.Memory > 0 {
		sum.PeakMemory = max(sum.PeakMemory, uint64(limits.Memory))
		if sum.Sampled.IsZero() {
			sum.Sampled = exit.Finished
		}
	}
	if sum.Sampled.IsZero() {
		return nil
	}
	return &sum
}
