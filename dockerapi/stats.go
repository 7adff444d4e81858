package dockerapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Stats are the resources that a container uses at one moment, in the words of the kernel. A container that does not
// run has zeros.
type Stats struct {
	Read        time.Time               `json:"read"`
	CPUStats    CPUStats                `json:"cpu_stats"`
	MemoryStats MemoryStats             `json:"memory_stats"`
	PidsStats   PidsStats               `json:"pids_stats"`
	BlkioStats  BlkioStats              `json:"blkio_stats"`
	Networks    map[string]NetworkStats `json:"networks"` // by interface; none with network mode none, host and container
}

// CPUStats are counters: the difference between two samples is what happened between them.
type CPUStats struct {
	CPUUsage struct {
		TotalUsage        uint64 `json:"total_usage"` // nanoseconds
		UsageInUsermode   uint64 `json:"usage_in_usermode"`
		UsageInKernelmode uint64 `json:"usage_in_kernelmode"`
	} `json:"cpu_usage"`
	SystemUsage    uint64 `json:"system_cpu_usage"` // of the whole host, nanoseconds
	OnlineCPUs     uint32 `json:"online_cpus"`
	ThrottlingData struct {
		Periods          uint64 `json:"periods"`
		ThrottledPeriods uint64 `json:"throttled_periods"`
		ThrottledTime    uint64 `json:"throttled_time"` // nanoseconds
	} `json:"throttling_data"`
}

// MemoryStats are bytes. Usage has the page cache in it; how much depends on the version of the cgroups.
type MemoryStats struct {
	Usage    uint64            `json:"usage"`
	MaxUsage uint64            `json:"max_usage"` // cgroup v1 only
	Limit    uint64            `json:"limit"`
	Stats    map[string]uint64 `json:"stats"` // memory.stat of the kernel: "cache" in v1, "inactive_file" in v2 …
}

// WorkingSet is the memory that cannot be given back at once: usage without the inactive page cache.
func (m MemoryStats) WorkingSet() uint64 {
	for _, key := range []string{"total_inactive_file", "inactive_file"} { // v1, v2
		if cache, ok := m.Stats[key]; ok && cache < m.Usage {
			return m.Usage - cache
		}
	}
	return m.Usage
}

// PidsStats count processes and threads.
type PidsStats struct {
	Current uint64 `json:"current"`
	Limit   uint64 `json:"limit"`
}

// BlkioStats are counters of bytes, by device and operation ("read", "write", in either case).
type BlkioStats struct {
	IOServiceBytes []BlkioEntry `json:"io_service_bytes_recursive"`
}

// BlkioEntry is one counter of one device.
type BlkioEntry struct {
	Major uint64 `json:"major"`
	Minor uint64 `json:"minor"`
	Op    string `json:"op"`
	Value uint64 `json:"value"`
}

// NetworkStats are counters of one interface.
type NetworkStats struct {
	RxBytes   uint64 `json:"rx_bytes"`
	RxPackets uint64 `json:"rx_packets"`
	TxBytes   uint64 `json:"tx_bytes"`
	TxPackets uint64 `json:"tx_packets"`
}

// ContainerStats takes one sample, in a few milliseconds. For a rate keep the sample before: the engine's own way to
// give two takes a second or two. Since API 1.41. Errors: 404.
func (c *Client) ContainerStats(ctx context.Context, id string) (Stats, error) {
	var out Stats
	r, err := containerRequest("ContainerStats", http.MethodGet, id, "/stats")
	if err != nil {
		return out, err
	}
	if err := c.requireCall(ctx, r, apiVersion{1, 41}); err != nil {
		return out, err
	}
	r.query = url.Values{"stream": {"0"}, "one-shot": {"1"}}
	err = c.call(ctx, r, &out)
	return out, err
}
