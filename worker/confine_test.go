package worker

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// hostConfigOf is what the engine is asked for, for a task.
func hostConfigOf(t *testing.T, body string, policy task.Policy) dockerapi.HostConfig {
	t.Helper()
	parsed, err := task.Parse([]byte(body), policy)
	if err != nil {
		t.Fatal(err)
	}
	var host dockerapi.HostConfig
	limit(&host, policy.Limits(parsed.Resources))
	confine(&host, parsed)
	slices.SortFunc(host.Devices, func(a, b dockerapi.Device) int { return cmp.Compare(a.PathOnHost, b.PathOnHost) })
	return host
}

// What a container may do is one thing to look at: a task that asks for nothing, one that asks for all, and privileged.
func TestConfine(t *testing.T) {
	all := task.Policy{Max: task.Resources{GPUs: 8}, Allow: task.Allowances{
		Privileged: true, NoSeccomp: true, Devices: []string{"kvm", "loopbackVideo", "loopbackAudio"},
		Capabilities: []string{"NET_RAW", "SYS_PTRACE"}, Networks: []string{"lan"},
	}}
	init, pids := true, int64(100)
	for name, test := range map[string]struct {
		body   string
		policy task.Policy
		want   dockerapi.HostConfig
	}{
		"ordinary": {
			body:   `{"image": "tool"}`,
			policy: task.Policy{Default: task.Resources{Memory: 1 << 30, PIDs: 100}},
			want: dockerapi.HostConfig{Init: &init, CapDrop: []string{"AUDIT_WRITE", "MKNOD", "NET_RAW"}, SecurityOpt: []string{"no-new-privileges"},
				IpcMode: "private", OomScoreAdj: 500, Memory: 1 << 30, MemorySwap: 1 << 30, PidsLimit: &pids},
		},
		"all that there is to ask for": {
			body: `{"image": "tool", "network": "lan", "features": {"allowPtrace": true},
				"capabilities": {"add": ["NET_RAW"], "disableSeccomp": true, "devices": {"kvm": true, "loopbackVideo": true, "loopbackAudio": true}},
				"resources": {"memory": "64m", "cpus": 1.5, "pids": 100, "shmSize": "8m", "disk": "1g", "gpus": 2, "ulimits": {"nofile": 10, "core": {"soft": 0, "hard": -1}}}}`,
			policy: all,
			want: dockerapi.HostConfig{Init: &init, CapDrop: []string{"AUDIT_WRITE", "MKNOD", "NET_RAW"}, CapAdd: []string{"NET_RAW", "SYS_PTRACE"},
				SecurityOpt: []string{"no-new-privileges", "seccomp=unconfined"}, IpcMode: "private", OomScoreAdj: 500, NetworkMode: "lan",
				Memory: 64 << 20, MemorySwap: 64 << 20, NanoCpus: 1.5e9, PidsLimit: &pids, ShmSize: 8 << 20,
				StorageOpt:     map[string]string{"size": "1073741824"},
				Ulimits:        []dockerapi.Ulimit{{Name: "core", Soft: 0, Hard: -1}, {Name: "nofile", Soft: 10, Hard: 10}},
				Devices:        []dockerapi.Device{{PathOnHost: "/dev/kvm", PathInContainer: "/dev/kvm", CgroupPermissions: "rwm"}, {PathOnHost: "/dev/snd", PathInContainer: "/dev/snd", CgroupPermissions: "rwm"}, {PathOnHost: "/dev/video0", PathInContainer: "/dev/video0", CgroupPermissions: "rwm"}},
				DeviceRequests: []dockerapi.DeviceRequest{{Count: 2, Capabilities: [][]string{{"gpu"}}}}},
		},
		"privileged": {
			body:   `{"image": "tool", "network": "none", "capabilities": {"privileged": true}}`,
			policy: all,
			want:   dockerapi.HostConfig{Init: &init, Privileged: true, IpcMode: "private", OomScoreAdj: 500, NetworkMode: "none"},
		},
	} {
		if diff := gocmp.Diff(test.want, hostConfigOf(t, test.body, test.policy)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A container for which nobody set a limit gets most of the host's memory, and the host keeps the rest.
func TestWithHost(t *testing.T) {
	host := dockerapi.Info{MemTotal: 10 << 30}
	if got := WithHost(task.Policy{}, host).Default.Memory; got != 9<<30 {
		t.Errorf("default %v, want 9g", got)
	}
	if got := WithHost(task.Policy{Max: task.Resources{Memory: 1 << 30}}, host).Limits(task.Resources{}); got.Memory != 1<<30 || got.Origins["memory"] != task.FromMaximum {
		t.Errorf("%v from %v, want the worker's maximum", got.Memory, got.Origins)
	}
}
