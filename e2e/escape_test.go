//go:build integration

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// escapes are the known ways out of a container, each a script that root runs in it. What it prints when it works begins
// with ESCAPED. Files of the kernel are opened for writing, and nothing is written.
var escapes = []struct{ name, script string }{
	{"mount something", `mkdir /m; for type in tmpfs proc sysfs cgroup devpts; do mount -t $type x /m && echo ESCAPED $type; done; mount -o bind / /m && echo ESCAPED bind; mount -o remount,rw /sys && echo ESCAPED remount`},
	{"make device nodes", `mknod /disk b 8 0 && echo ESCAPED disk; mknod /mem c 1 1 && echo ESCAPED mem`},
	{"find devices of the host", `for d in /dev/sd* /dev/vd* /dev/nvme* /dev/mem /dev/kmsg /dev/kvm /dev/fuse /dev/loop* /dev/net/tun; do test -e $d && echo ESCAPED $d; done`},
	{"write to /proc", `for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/panic_on_oom /proc/sys/net/ipv4/ip_forward /proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/1/root/proc/sys/kernel/core_pattern; do if (: >>$f) then echo ESCAPED $f; fi; done`},
	{"read the kernel's memory", `for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug; do test -s $f && head -c 1 $f | grep -q . && echo ESCAPED $f; done`},
	{"write to /sys", `for f in /sys/kernel/uevent_helper /sys/kernel/mm/transparent_hugepage/enabled /sys/module/kernel/parameters/panic $(find /sys/fs/cgroup -name release_agent -o -name cgroup.procs); do if (: >>$f) then echo ESCAPED $f; fi; done; mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x && echo ESCAPED cgroup`},
	{"see or enter the host's processes", `n=$(ls /proc | grep -c '^[0-9]'); test $n -lt 10 || echo ESCAPED $n processes; nsenter -t 1 -m true && echo ESCAPED nsenter; test -e /proc/1/root/var/lib/docker && echo ESCAPED root`},
	{"make namespaces", `unshare -m true && echo ESCAPED mount; unshare -U true && echo ESCAPED user; unshare -n true && echo ESCAPED network; unshare -p true && echo ESCAPED pid`},
	{"find the engine's socket", `for s in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock /run/podman/podman.sock; do test -e $s && echo ESCAPED $s; done`},
	{"forge packets", `arping -c 1 -w 1 -I eth0 172.17.0.1 && echo ESCAPED arping; ip link set eth0 down && echo ESCAPED link; ip addr add 172.17.0.99/16 dev eth0 && echo ESCAPED address; ip route add 10.99.0.0/16 dev eth0 && echo ESCAPED route`},
	{"change the host", `date -s '2001-01-01 00:00:00'; test $(date +%Y) = 2001 && echo ESCAPED time; hostname evil && echo ESCAPED hostname; modprobe dummy && echo ESCAPED module; sysctl -w kernel.domainname=evil && echo ESCAPED sysctl; chroot /proc/1/root test -e /var/lib/docker && echo ESCAPED chroot`},
	{"get rights back", `grep -q 'NoNewPrivs:.1' /proc/self/status || echo ESCAPED new privileges; grep -q 'CapBnd:.00000000800405fb' /proc/self/status || echo ESCAPED capabilities; grep -q 'Seccomp:.2' /proc/self/status || echo ESCAPED seccomp`},
	{"use up shared memory", `dd if=/dev/zero of=/dev/shm/x bs=1M count=200; test $(stat -c %s /dev/shm/x) -le 67108864 || echo ESCAPED shm`},
}

// bombs are tasks that take all they can get, and how each ends.
var bombs = []struct{ name, task, want string }{
	{"forks", `{"resources": {"pids": 50}, "maxRunTime": 3, "stopGrace": 0, "command": ["sh", "-c", "bomb() { bomb | bomb & }; bomb; while :; do sleep 1 || :; done"]}`, "timeout failed"},
	{"memory", `{"resources": {"memory": "64m"}, "command": ["tail", "/dev/zero"]}`, "oom-killed"},
	{"memory in files", `{"resources": {"memory": "64m", "shmSize": "1g"}, "command": ["dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M", "count=900"]}`, "oom-killed"},
	{"signals", `{"command": ["sh", "-c", "kill -9 -1; sleep 1; kill -9 1; sleep 1; exit 1"]}`, "failed"},
	{"files", `{"command": ["sh", "-c", "dd if=/dev/zero of=/x bs=1M count=300"]}`, "failed"},
}

// wishes are what `docker run` has for what a task must not have. There is no such field.
var wishes = []string{
	`{"privileged": true}`, `{"pid": "host"}`, `{"pidMode": "container:x"}`, `{"ipc": "host"}`, `{"uts": "host"}`, `{"userns": "host"}`, `{"volumes": ["/:/host"]}`,
	`{"binds": ["/var/run/docker.sock:/var/run/docker.sock"]}`, `{"mounts": [{"type": "bind", "source": "/etc", "target": "/host"}]}`, `{"devices": ["/dev/sda"]}`,
	`{"securityOpt": ["seccomp=unconfined"]}`, `{"capAdd": ["ALL"]}`, `{"cgroupParent": "/"}`, `{"HostConfig": {"Privileged": true}}`, `{"runtime": "other"}`,
	`{"cache": {"../../etc": "/x"}}`, `{"cache": {"/etc": "/x"}}`, `{"network": "host"}`, `{"network": "container:other"}`, `{"capabilities": {"privileged": true}}`,
	`{"capabilities": {"disableSeccomp": true}}`, `{"capabilities": {"add": ["SYS_ADMIN"]}}`, `{"capabilities": {"devices": {"kvm": true}}}`,
	`{"files": {"/../etc/x": {"content": ""}}}`, `{"workingDir": "relative"}`,
}

// Nobody gets out: every attempt fails, on an engine with a small disk, while a neighbour goes on beside it and the worker
// takes its next task.
func TestNobodyEscapes(t *testing.T) {
	engine := startEngineOn(t, "150m", "--storage-driver", "vfs")
	s := newSite(t, brokertest.URL())
	s.engine = engine.host
	l := s.listen(t)
	worker := s.start(t, "--capacity", "3")
	neighbour := taskID(t)
	s.submit(t, shell(neighbour, `trap 'exit 0' USR1; echo here; n=0; while test ! -e /stop; do n=$((n+1)); sleep 0.2; done`))
	l.awaitType(t, "task.started", neighbour)

	for i, attempt := range escapes {
		t.Run(attempt.name, func(t *testing.T) {
			id := fmt.Sprintf("%s-escape-%d", neighbour, i)
			s.submit(t, shell(id, attempt.script+"; echo tried"))
			l.outcome(t, id, 1)
			_, _, log := l.log(id, 1)
			if strings.Contains(log, "ESCAPED") || !strings.Contains(log, "tried") {
				t.Errorf("the log:\n%s", log)
			}
		})
	}
	for i, bomb := range bombs {
		t.Run("a bomb of "+bomb.name, func(t *testing.T) {
			id := fmt.Sprintf("%s-bomb-%d", neighbour, i)
			s.submit(t, amqp091.Publishing{MessageId: id, Body: caseBody(t, bomb.task, "")})
			if got := l.outcome(t, id, 1); !strings.Contains(bomb.want, got.Reason) {
				_, _, log := l.log(id, 1)
				t.Errorf("%s (%s), want %s; the log:\n%s", got.Reason, got.Message, bomb.want, log)
			}
		})
	}
	for i, wish := range wishes {
		id := fmt.Sprintf("%s-wish-%d", neighbour, i)
		s.submit(t, amqp091.Publishing{MessageId: id, Body: caseBody(t, wish, "")})
		if got := l.outcome(t, id, 1); got.Reason != "malformed-payload" {
			t.Errorf("%s is %s", wish, got.Reason)
		}
	}

	// The neighbour has not noticed, and there is room again for the next.
	if left := containers(t, s.engine, s.worker); len(left) != 1 || left[0] != neighbour+"/running" {
		t.Errorf("containers: %v, want the neighbour alone", left)
	}
	after := neighbour + "-after"
	s.submit(t, shell(after, "dd if=/dev/zero of=/x bs=1M count=30 && echo room"))
	if got := l.outcome(t, after, 1); got.Reason != "completed" || !worker.alive() {
		t.Errorf("the next task is %s (%s); the worker lives: %v", got.Reason, got.Message, worker.alive())
	}
}
