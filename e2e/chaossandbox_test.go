//go:build integration

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// hostility is what tasks do to the network that they are in, as root with the rights of any task. What may fail there
// fails: every script ends well.
var hostility = []string{
	`echo 203.0.113.7 evil >>/etc/hosts; echo 169.254.169.254 registry >>/etc/hosts`,
	`echo nameserver 203.0.113.7 >/etc/resolv.conf; : >/etc/hostname`,
	`chmod 666 /etc/hosts /etc/resolv.conf; chown 7:7 /etc/hosts; touch -d '2001-01-01 00:00' /etc/resolv.conf`,
	`rm -f /etc/hosts; mv /etc/resolv.conf /etc/hosts; mount --bind /etc/passwd /etc/hosts; umount /etc/resolv.conf`,
	`for port in 4711 4712 4713; do nc -l -p $port >/dev/null & done; until grep -q :1269 /proc/net/tcp*; do :; done`,
	`setsid sh -c 'nc -lk -p 80 -e echo spoofed & sleep 600' >/dev/null 2>&1 & sleep 0.2`,
	`for n in 1 2 3; do setsid sleep 600 </dev/null >/dev/null 2>&1 & done; nohup sh -c 'while :; do sleep 1; done' >/dev/null 2>&1 &`,
	`port=20000; while [ $port -lt 20100 ]; do nc -l -p $port >/dev/null 2>&1 & port=$((port + 1)); done; sleep 0.3`,
	`for n in 1 2 3 4 5 6 7 8 9; do nc -l -p 4711 >/dev/null & until grep -q :1267 /proc/net/tcp*; do :; done; echo x | nc -w 1 127.0.0.1 4711; done`,
	`nc -u -l -p 53 >/dev/null 2>&1 & for n in 1 2 3; do echo x | nc -u -w 1 172.17.0.1 53; done`,
	`ip route del unreachable 169.254.169.254; ip route flush table all; ip rule flush; ip route add default via 127.0.0.1; ip -6 route flush table all`,
	`ip addr add 169.254.169.254/32 dev lo; ip addr add 10.9.9.9/8 dev eth0; ip link set eth0 down; ip link add evil type dummy; ip neigh add 172.17.0.1 lladdr 02:00:00:00:00:01 dev eth0`,
	`for s in net/ipv4/ip_forward=1 net/ipv4/ip_local_port_range="5000 5001" net/ipv4/conf/all/accept_redirects=1 net/core/somaxconn=1 kernel/hostname=evil; do echo "${s#*=}" >/proc/sys/${s%%=*}; done; hostname evil`,
	`ping -c 1 -W 1 169.254.169.254; ping -c 1 -W 1 172.17.0.1; traceroute -q 1 -m 1 172.17.0.1; arping -c 1 -w 1 -I eth0 172.17.0.1`,
	`unshare -n true; nsenter -t 1 -n true; kill -9 1; kill -STOP 1; wget -q -O - http://169.254.169.254/ http://169.254.170.2/`,
}

// A task finds nothing of the one before it in its slot, whatever that has tried, and neither reaches the metadata
// service, which is there.
func TestChaosHostileTasks(t *testing.T) {
	t.Parallel()
	engine := startEngine(t)
	serveMetadata(t, engine)
	s := newSite(t, brokertest.URL())
	s.engine = engine.host
	l := s.listen(t)
	p := s.start(t)

	const credentials = `; timeout 5 wget -q -O - http://` + metadata + `/ 2>/dev/null || true`
	clean, first := s.in(t, l, traces+credentials)
	want := withoutName(first, clean)
	if strings.Contains(want, "secret") || !strings.Contains(want, "nameserver") && !strings.Contains(want, "localhost") {
		t.Fatalf("the first task sees\n%s", want)
	}
	inSandboxes := map[string]int{}
	for n := range sized(len(hostility), 200) {
		script := hostility[n%len(hostility)]
		sandbox, said := s.in(t, l, "{ "+script+"\n} 2>/dev/null"+credentials)
		if strings.Contains(said, "secret") {
			t.Errorf("%s\nreached the metadata service", script)
		}
		next, seen := s.in(t, l, traces+credentials)
		if got := withoutName(seen, next); got != want {
			t.Errorf("after\n%s\na task sees\n%swant\n%s", script, got, want)
		}
		if sandbox == "" || next == "" {
			t.Errorf("in no sandbox: %q, then %q", sandbox, next)
		}
		inSandboxes[sandbox]++
	}
	t.Logf("%d sandboxes served", len(inSandboxes))
	p.drain(t)
	s.checkEmpty(t)
}

// A worker has after many tasks what it had after some.
func TestChaosManyTasks(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	const capacity, some = 4, 50
	after := func(p *process, tasks int) usedByWorker {
		t.Helper()
		var ids []string
		for range tasks {
			ids = append(ids, taskID(t))
			s.submit(t, shell(ids[len(ids)-1], "echo hello"))
		}
		for _, id := range ids {
			if e := l.outcome(t, id, 1); e.Reason != "completed" {
				t.Errorf("%s: %s (%s)", id, e.Reason, e.Message)
			}
		}
		awaitSandboxes(t, s.engine, s.worker, capacity)
		return s.usedBy(t, p)
	}
	p := s.start(t, "--capacity", fmt.Sprint(capacity))
	few := after(p, some)
	few.goroutines = p.goroutines(t)

	// The next process under the id begins with what the first one left.
	p = s.start(t, "--capacity", fmt.Sprint(capacity))
	tasks := sized(150, 1000)
	many := after(p, tasks)
	brokertest.Wait(t, patience, "descriptors are closed", func() bool { return s.usedBy(t, p).descriptors <= few.descriptors })
	many.descriptors = s.usedBy(t, p).descriptors
	many.goroutines = p.goroutines(t)
	t.Logf("after %d tasks %+v, after %d %+v", some, few, tasks, many)
	if many.containers != few.containers || many.networks != few.networks {
		t.Errorf("%d containers and %d networks, want %d and %d", many.containers, many.networks, few.containers, few.networks)
	}
	if many.goroutines > few.goroutines {
		t.Errorf("%d goroutines, want %d", many.goroutines, few.goroutines)
	}
	if limit := few.memory + 4<<20; many.memory > limit { // some garbage more or less
		t.Errorf("%d bytes of memory, want %d at most", many.memory, limit)
	}
	p = s.start(t, "--capacity", fmt.Sprint(capacity))
	p.drain(t)
	s.checkEmpty(t)
}

// usedByWorker is what a worker and its engine hold for it.
type usedByWorker struct {
	containers, networks int
	descriptors          int
	memory               int64 // bytes of its own
	goroutines           int   // but for those of connections that wait to be used again
}

func (s *site) usedBy(t *testing.T, p *process) usedByWorker {
	t.Helper()
	open, err := os.ReadDir("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return usedByWorker{
		containers:  s.labelled(t, "ps", "--all"),
		networks:    s.labelled(t, "network", "ls"),
		descriptors: len(open),
		memory:      p.memory(t, "RssAnon"),
	}
}

// labelled counts what of a kind is the worker's.
func (s *site) labelled(t *testing.T, list ...string) int {
	t.Helper()
	args := append(list, "--quiet", "--filter", "label=docker-worker.worker="+s.worker)
	return len(strings.Fields(tool(t, "docker", dockerArgs(s.engine, args...)...)))
}

// goroutines ends the process by a signal of which a program in Go dies telling what each goroutine does.
func (p *process) goroutines(t *testing.T) int {
	t.Helper()
	p.signal(syscall.SIGQUIT)
	<-p.ended
	stacks := strings.Split(p.log.String(), "\n\n")
	return len(slices.DeleteFunc(stacks, func(stack string) bool {
		return !strings.HasPrefix(stack, "goroutine ") || strings.Contains(stack, "net/http.(*persistConn)")
	}))
}
