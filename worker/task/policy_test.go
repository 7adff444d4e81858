package task

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A host that allows nothing says which flag would, for everything that a task asks for.
func TestPolicyNamesTheFlag(t *testing.T) {
	policy := Policy{
		MaxRunTime: time.Minute, MaxAttempts: 2,
		Max:    Resources{Memory: 1 << 30, CPUs: 2, PIDs: 100, ShmSize: 1 << 20, Disk: 1 << 30},
		Images: []string{"registry.example/team/*"},
	}
	got := refused(t, `{"image": "tool", "maxRunTime": 61, "maxAttempts": 3, "network": "host",
		"resources": {"memory": "2g", "cpus": 2.5, "pids": 101, "shmSize": "2m", "disk": "1.5g", "gpus": 1},
		"services": {"db": {"image": "registry.example/team-b/db", "resources": {"memory": 2147483648}}},
		"capabilities": {"privileged": true, "disableSeccomp": true, "add": ["NET_ADMIN", "SYS_PTRACE"], "devices": {"kvm": true, "loopbackVideo": false}},
		"features": {"allowPtrace": true}, "artifacts": {"a": {"path": "/a"}, "b": {"path": "/b", "url": "https://x.example/b"}}}`, policy)
	want := []Problem{
		{"/artifacts/a", "has no url, and this worker has no --artifact-store"},
		{"/capabilities/add/0", "is not allowed on this worker; it would need --allow capability=NET_ADMIN"},
		{"/capabilities/add/1", "is not allowed on this worker; it would need --allow capability=SYS_PTRACE"},
		{"/capabilities/devices/kvm", "is not allowed on this worker; it would need --allow device=kvm"},
		{"/capabilities/disableSeccomp", "is not allowed on this worker; it would need --allow no-seccomp"},
		{"/capabilities/privileged", "is not allowed on this worker; it would need --allow privileged"},
		{"/features/allowPtrace", "is not allowed on this worker; it would need --allow capability=SYS_PTRACE"},
		{"/image", "image tool:latest is not among those that this worker runs (its --allow-image)"},
		{"/maxAttempts", "3 attempts are more than this worker allows (2, its --max-attempts)"},
		{"/maxRunTime", "61 seconds are more than this worker allows (60, its --max-run-time)"},
		{"/network", `is "host"; services need bridge or none: they have a network of the task's own`},
		{"/network", "is not allowed on this worker; it would need --allow network=host"},
		{"/resources/cpus", "2.5 CPUs are more than this worker allows (2, its --max-cpus)"},
		{"/resources/disk", "1536m is more than this worker allows (1g, its --max-disk)"},
		{"/resources/gpus", "1 GPUs are more than this worker allows (0, its --max-gpus)"},
		{"/resources/memory", "2g is more than this worker allows (1g, its --max-memory)"},
		{"/resources/pids", "101 processes are more than this worker allows (100, its --max-pids)"},
		{"/resources/shmSize", "2m is more than this worker allows (1m, its --max-shm-size)"},
		{"/services/db/image", "image registry.example/team-b/db:latest is not among those that this worker runs (its --allow-image)"},
		{"/services/db/resources/memory", "2g is more than this worker allows (1g, its --max-memory)"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseAllowance(t *testing.T) {
	var got Allowances
	for _, right := range []string{"privileged", "no-seccomp", "device=kvm", "capability=cap_net_raw", "capability=SYS_PTRACE", "network=host", "network=lan"} {
		if err := got.ParseAllowance(right); err != nil {
			t.Error(err)
		}
	}
	want := Allowances{Privileged: true, NoSeccomp: true, Devices: []string{"kvm"}, Capabilities: []string{"NET_RAW", "SYS_PTRACE"}, Networks: []string{"host", "lan"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, right := range []string{"", "everything", "privileged=yes", "device=sda", "device", "capability=", "network="} {
		if err := got.ParseAllowance(right); err == nil {
			t.Errorf("%q is taken", right)
		}
	}
}

// A limit that the host cannot reach is none that an engine takes.
func TestLimitsOfTheHost(t *testing.T) {
	policy := Policy{Max: Resources{CPUs: 64}, HostCPUs: 2}
	for asked, want := range map[float64]float64{0: 2, 1.5: 1.5, 4: 2} {
		if got := policy.Limits(Resources{CPUs: asked}).CPUs; got != want {
			t.Errorf("%v CPUs asked: %v, want %v", asked, got, want)
		}
	}
}

// The task comes first, then the worker's default, then its maximum.
func TestLimits(t *testing.T) {
	policy := Policy{
		Default: Resources{Memory: 100, CPUs: 1, PIDs: 500, ShmSize: 10, Ulimits: map[string]Ulimit{"core": {}}},
		Max:     Resources{Memory: 1000, CPUs: 4, PIDs: 300, Disk: 7, GPUs: 2},
	}
	for name, test := range map[string]struct {
		asked Resources
		want  Limits
	}{
		"nothing asked": {
			want: Limits{
				Resources: Resources{Memory: 100, CPUs: 1, PIDs: 300, ShmSize: 10, Disk: 7, Ulimits: map[string]Ulimit{"core": {}}},
				Origins:   map[string]Origin{"memory": FromDefault, "cpus": FromDefault, "pids": FromMaximum, "shmSize": FromDefault, "disk": FromMaximum, "ulimits": FromDefault},
			},
		},
		"all asked": {
			asked: Resources{Memory: 1, CPUs: 2, PIDs: 3, ShmSize: 4, Disk: 5, GPUs: 1, Ulimits: map[string]Ulimit{"cpu": {1, 1}}},
			want: Limits{
				Resources: Resources{Memory: 1, CPUs: 2, PIDs: 3, ShmSize: 4, Disk: 5, GPUs: 1, Ulimits: map[string]Ulimit{"cpu": {1, 1}}},
				Origins: map[string]Origin{"memory": FromTask, "cpus": FromTask, "pids": FromTask, "shmSize": FromTask, "disk": FromTask,
					"gpus": FromTask, "ulimits": FromTask},
			},
		},
	} {
		if diff := cmp.Diff(test.want, policy.Limits(test.asked)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"tool:latest", "tool:latest", true},
		{"tool", "tool:latest", false},
		{"tool:*", "tool:latest", true},
		{"*", "anything", true},
		{"registry.example/*", "registry.example.evil/tool", false},
		{"registry.example/*/tool:*", "registry.example/a/b/tool:1", true},
		{"registry.example/*/tool:*", "registry.example/tool:1", false},
		{"a*a", "a", false},
		{"a*b*", "axxbyy", true},
		{"", "x", false},
	} {
		if got := matches(test.pattern, test.text); got != test.want {
			t.Errorf("%s and %s: %v", test.pattern, test.text, got)
		}
	}
}
