//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// sandboxes are those that the engine has of a worker: ids and states, a line for each, in order.
func sandboxes(t *testing.T, engine, worker string) []string {
	t.Helper()
	return sandboxesIn(tool(t, "docker", sandboxList(engine, worker)...))
}

func sandboxList(engine, worker string) []string {
	return dockerArgs(engine, "ps", "-a", "--no-trunc", "--filter", "label=docker-worker.worker="+worker,
		"--filter", "label=docker-worker.sandbox", "--format", `{{.ID}}/{{.State}}`)
}

func sandboxesIn(list string) []string { return slices.Sorted(slices.Values(strings.Fields(list))) }

// awaitSandboxes waits until a worker has n sandboxes, all of which run, and returns their ids.
func awaitSandboxes(t *testing.T, engine, worker string, n int) []string {
	t.Helper()
	var ids []string
	brokertest.Wait(t, patience, fmt.Sprintf("%s has %d sandboxes", worker, n), func() bool {
		ids = nil
		out, err := exec.Command("docker", sandboxList(engine, worker)...).Output()
		for _, line := range sandboxesIn(string(out)) {
			id, running := strings.CutSuffix(line, "/running")
			if !running {
				return false
			}
			ids = append(ids, id)
		}
		return err == nil && len(ids) == n
	})
	return ids
}

// sandboxOf is the id of the sandbox that a task is or was in, by the host name that it has from it; "" for none.
func sandboxOf(t *testing.T, l *listener, id string) string {
	t.Helper()
	var started struct{ Sandbox bool }
	if err := json.Unmarshal(l.awaitType(t, "task.started", id).Body, &started); err != nil {
		t.Fatal(err)
	}
	if !started.Sandbox {
		return ""
	}
	first, _, _ := strings.Cut(l.stream(id, 1, "stdout"), "\n")
	return first
}

// in runs a script, to its end, whose first line is its host name, and returns the sandbox and the other lines.
func (s *site) in(t *testing.T, l *listener, script string) (sandbox, output string) {
	t.Helper()
	id := taskID(t)
	s.submit(t, shell(id, "hostname; "+script))
	if e := l.outcome(t, id, 1); e.Reason != "completed" {
		t.Errorf("%s: %s (%s): %s", script, e.Reason, e.Message, l.stream(id, 1, "stderr"))
	}
	_, output, _ = strings.Cut(l.stream(id, 1, "stdout"), "\n")
	return sandboxOf(t, l, id), output
}

// Many tasks leave what was there before them, and the worker leaves nothing.
func TestSandboxesServeManyTasks(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t, "--capacity", "4")
	before := awaitSandboxes(t, "", s.worker, 4)
	var ids []string
	for range 50 {
		id := taskID(t)
		ids = append(ids, id)
		s.submit(t, shell(id, "hostname"))
	}
	used := map[string]int{}
	for _, id := range ids {
		if e := l.outcome(t, id, 1); e.Reason != "completed" {
			t.Errorf("%s: %s (%s)", id, e.Reason, e.Message)
		}
		used[sandboxOf(t, l, id)]++
	}
	after := awaitSandboxes(t, "", s.worker, 4)
	if !slices.Equal(before, after) {
		t.Errorf("sandboxes before: %v, after: %v", before, after)
	}
	for name, n := range used {
		if !slices.ContainsFunc(before, func(id string) bool { return strings.HasPrefix(id, name) && name != "" }) {
			t.Errorf("%d tasks were in %q", n, name)
		}
	}
	p.drain(t)
	s.checkEmpty(t)
	if left := sandboxes(t, "", s.worker); len(left) > 0 {
		t.Errorf("sandboxes left: %v", left)
	}
}

// traces shows what a task can see of others that were in its network.
const traces = `cat /etc/hosts /etc/resolv.conf; stat -c '%a %u %g' /etc/hosts /etc/resolv.conf /etc/hostname; cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 /proc/net/raw /proc/net/unix | grep -v sl; ip addr | grep -v -e inet -e eth0 -e ether; ip route | grep -v src; ip rule; cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_local_port_range /proc/sys/net/core/somaxconn`

// withoutName takes what belongs to a sandbox, its address and its name, out of what was seen in it.
func withoutName(text, name string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, name) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// Nothing that a task leaves in its sandbox is there for the next one.
func TestNothingIsCarriedOver(t *testing.T) {
	t.Parallel()
	for _, reuse := range []string{"auto", "never"} {
		t.Run(reuse, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, brokertest.URL())
			l := s.listen(t)
			s.start(t, "--sandbox-reuse", reuse)
			const look = traces
			quiet, clean := s.in(t, l, look)
			again, second := s.in(t, l, look)
			if reused := again == quiet; quiet == "" || reused != (reuse == "auto") {
				t.Errorf("two tasks that leave nothing were in %q and %q", quiet, again)
			}
			if got, want := withoutName(second, again), withoutName(clean, quiet); got != want {
				t.Errorf("a task sees\n%swhile the one before saw\n%s", got, want)
			}
			for _, mess := range []string{
				`echo 203.0.113.7 evil >>/etc/hosts; grep -q evil /etc/hosts`,
				`echo nameserver 203.0.113.7 >/etc/resolv.conf; grep -q 203 /etc/resolv.conf`,
				`chmod 666 /etc/hosts`,
				`chown 7:7 /etc/resolv.conf`,
				`touch -d '2001-01-01 00:00' /etc/hostname`,
				`nc -l -p 4711 >/dev/null & until grep -q :1267 /proc/net/tcp*; do :; done; echo x | nc -w 1 127.0.0.1 4711; grep -q ' 06 00000000' /proc/net/tcp*`, // a connection in TIME_WAIT
			} {
				messy, _ := s.in(t, l, mess)
				next, seen := s.in(t, l, look)
				if messy == "" || next == "" || next == messy {
					t.Errorf("%s: in %q, the next task in %q", mess, messy, next)
				}
				if got, want := withoutName(seen, next), withoutName(clean, quiet); got != want {
					t.Errorf("after %s a task sees\n%swant\n%s", mess, got, want)
				}
			}
		})
	}
}

// A worker that dies leaves a task its network, and the next process takes both up.
func TestSandboxThroughACrash(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, "hello")
			conn.Close() // it is this end that waits, and the sandbox stays clean
		}
	}()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t, "--lease", "1m", "--capacity", "2")
	pool := awaitSandboxes(t, "", s.worker, 2)
	id := taskID(t)
	s.submit(t, shell(id, fmt.Sprintf(`hostname; until test -e /go; do sleep 0.1; done; mkfifo /quiet; sleep 600 >/quiet & nc $(ip route | sed -n 's/^default via \([^ ]*\).*/\1/p') %d </quiet`, server.Addr().(*net.TCPAddr).Port)))
	started := l.awaitType(t, "task.started", id)
	brokertest.Wait(t, patience, "the task has said where it is", func() bool { return l.stream(id, 1, "stdout") != "" })
	p.kill()
	p = s.start(t, "--lease", "1m", "--capacity", "2")
	awaitSandboxes(t, "", s.worker, 2)
	tool(t, "docker", "exec", started.ContainerID, "touch", "/go")
	if e := l.outcome(t, id, 1); e.Reason != "completed" || !strings.HasSuffix(l.stream(id, 1, "stdout"), "\nhello\n") {
		t.Errorf("%s (%s): %q", e.Reason, e.Message, l.stream(id, 1, "stdout"))
	}
	if after := awaitSandboxes(t, "", s.worker, 2); !slices.Equal(pool, after) {
		t.Errorf("sandboxes before: %v, after: %v", pool, after)
	}
	if was := sandboxOf(t, l, id); was == "" {
		t.Error("the task was in no sandbox")
	}
	if next, _ := s.in(t, l, "true"); !slices.ContainsFunc(pool, func(id string) bool { return next != "" && strings.HasPrefix(id, next) }) {
		t.Errorf("the next task was in %q, want one of %v", next, pool)
	}
	p.drain(t)
	s.checkEmpty(t)
}

// A sandbox that somebody kills is replaced, and a task that loses its network is tried again.
func TestSandboxIsKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t)
	// One that runs may still be in the making, and one that is killed then makes tasks run without for a moment.
	joined := func() {
		brokertest.Wait(t, patience, "a task is in a sandbox", func() bool {
			sandbox, _ := s.in(t, l, "true")
			return sandbox != ""
		})
	}
	joined()
	first := awaitSandboxes(t, "", s.worker, 1)[0]
	tool(t, "docker", "kill", first)
	brokertest.Wait(t, patience, "the killed sandbox is replaced", func() bool {
		left := sandboxes(t, "", s.worker)
		return len(left) == 1 && !strings.HasPrefix(left[0], first)
	})
	joined()
	id := taskID(t)
	s.submit(t, shell(id, `test $ATTEMPT -gt 1 || sleep 600`))
	l.awaitType(t, "task.started", id)
	tool(t, "docker", "kill", awaitSandboxes(t, "", s.worker, 1)[0])
	if e := l.outcome(t, id, 1); e.Reason != "resource-unavailable" || !e.Retrying || !strings.Contains(e.Message, "sandbox") {
		t.Errorf("%s (%s), retrying: %v", e.Reason, e.Message, e.Retrying)
	}
	if e := l.outcome(t, id, 2); e.Reason != "completed" {
		t.Errorf("the second attempt: %s (%s)", e.Reason, e.Message)
	}
}

// What a worker that is gone has left is removed by reap.
func TestReapRemovesSandboxes(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	p := s.start(t)
	id := awaitSandboxes(t, "", s.worker, 1)[0]
	p.signal(syscall.SIGKILL)
	<-p.ended
	reap := func(flags ...string) result {
		args := append([]string{"reap", "--amqp", s.broker, "--worker-id", s.worker, "--state-dir", s.stateDir}, flags...)
		r := program(t, "", append(args, s.queue)...)
		if fields := strings.Fields(r.stdout); r.code != 0 || len(fields) < 2 || fields[0] != "sandbox" || fields[1] != id {
			t.Errorf("reap %v: exit code %d, %q %s; want the sandbox %s", flags, r.code, r.stdout, r.stderr, id)
		}
		return r
	}
	reap("--dry-run")
	awaitSandboxes(t, "", s.worker, 1)
	reap()
	if left := sandboxes(t, "", s.worker); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// After a restart of the engine, which ends all containers, there are new sandboxes.
func TestSandboxesAfterARestartOfTheEngine(t *testing.T) {
	t.Parallel()
	engine := startEngine(t)
	s := newSite(t, brokertest.URL())
	s.engine = engine.host
	l := s.listen(t)
	s.start(t, "--capacity", "2")
	before := awaitSandboxes(t, s.engine, s.worker, 2)
	if name, _ := s.in(t, l, "true"); name == "" {
		t.Error("the first task was in no sandbox")
	}
	engine.stop(t)
	engine.start(t)
	after := awaitSandboxes(t, s.engine, s.worker, 2)
	for _, id := range after {
		if slices.Contains(before, id) {
			t.Errorf("sandbox %s has come back", id)
		}
	}
	if name, _ := s.in(t, l, "true"); name == "" {
		t.Error("the task after the restart was in no sandbox")
	}
}
