package worker

import (
	"maps"
	"slices"
	"strconv"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// unneeded are Linux capabilities of the engine's default set that a task has no honest use for: forged packets, device
// nodes, the host's audit log.
var unneeded = []string{"AUDIT_WRITE", "MKNOD", "NET_RAW"}

// taskOOMScore makes the kernel end a task rather than the engine or the worker when the host has no memory left.
const taskOOMScore = 500

// confine gives a container the rights of an ordinary task, and those beyond it that the task has asked for. The policy
// has allowed them by then.
func confine(host *dockerapi.HostConfig, t *task.Task) {
	confineAll(host)
	c := t.Capabilities
	if host.NetworkMode == "" && t.Network != task.DefaultNetwork { // else it has one of its own, with services
		host.NetworkMode = t.Network
	}
	host.CapAdd = slices.Clone(c.Add)
	if t.Features.AllowPtrace {
		host.CapAdd = append(host.CapAdd, "SYS_PTRACE")
	}
	if c.DisableSeccomp {
		host.SecurityOpt = append(host.SecurityOpt, "seccomp=unconfined")
	}
	host.Devices = devices(c.Devices)
	if c.Privileged {
		host.Privileged, host.CapDrop, host.SecurityOpt = true, nil, nil
	}
}

// confineAll is what holds for every container of this worker, services included.
func confineAll(host *dockerapi.HostConfig) {
	init := true // reaps what the command leaves behind, and passes signals on to one that does not expect to be process 1
	host.Init = &init
	host.CapDrop = unneeded
	host.SecurityOpt = []string{"no-new-privileges"}
	host.IpcMode = "private"
	host.OomScoreAdj = taskOOMScore
}

func devices(d task.Devices) []dockerapi.Device {
	var list []dockerapi.Device
	for path, wanted := range map[string]bool{"/dev/kvm": d.KVM, "/dev/video0": d.LoopbackVideo, "/dev/snd": d.LoopbackAudio} {
		if wanted {
			list = append(list, dockerapi.Device{PathOnHost: path, PathInContainer: path, CgroupPermissions: "rwm"})
		}
	}
	return list
}

// limit bounds what a container may use. There is no swap beside memory.
func limit(host *dockerapi.HostConfig, l task.Limits) {
	host.Memory, host.MemorySwap = int64(l.Memory), int64(l.Memory)
	host.NanoCpus = int64(l.CPUs * 1e9)
	if l.PIDs > 0 {
		host.PidsLimit = &l.PIDs
	}
	host.ShmSize = int64(l.ShmSize)
	if l.Disk > 0 {
		host.StorageOpt = map[string]string{"size": strconv.FormatInt(int64(l.Disk), 10)}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Ulimits)) {
		u := l.Ulimits[name]
		host.Ulimits = append(host.Ulimits, dockerapi.Ulimit{Name: name, Soft: u.Soft, Hard: u.Hard})
	}
	if l.GPUs > 0 {
		host.DeviceRequests = []dockerapi.DeviceRequest{{Count: l.GPUs, Capabilities: [][]string{{"gpu"}}}}
	}
}
