//go:build integration

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// served is a message whose task runs a script beside services.
func served(id, script string, services map[string]any, more ...map[string]any) amqp091.Publishing {
	task := map[string]any{"image": image, "command": []string{"sh", "-c", script}, "stopGrace": 1, "services": services}
	for _, fields := range more {
		for name, value := range fields {
			task[name] = value
		}
	}
	return message(id, task)
}

// scripted is a service that runs a script.
func scripted(script string, ready map[string]any) map[string]any {
	s := map[string]any{"image": image, "command": []string{"sh", "-c", script}}
	if ready != nil {
		s["ready"] = ready
	}
	return s
}

// serveHello answers on port 80, for ever.
const serveHello = `mkdir /www; echo hello >/www/hello; exec httpd -f -p 80 -h /www`

// networks are those that the engine has of a worker.
func networks(t *testing.T, worker string) []string {
	t.Helper()
	return strings.Fields(tool(t, "docker", "network", "ls", "-q", "--filter", "label=docker-worker.worker="+worker))
}

// checkNothing looks for what tasks with services must not leave.
func (s *site) checkNothing(t *testing.T) {
	t.Helper()
	if c, n, v := containers(t, s.engine, s.worker), networks(t, s.worker), volumes(t, s.worker); len(c)+len(n)+len(v) > 0 {
		t.Errorf("left: containers %v, networks %v, volumes %v", c, n, v)
	}
}

// Services can be used when the task begins, by their names, however long they take; and what becomes of a task whose
// services do not do their part.
func TestServices(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t, "--capacity", "4")
	for name, test := range map[string]struct {
		script   string
		services map[string]any
		more     map[string]any
		reason   string
		code     int // -1 for none
		stdout   string
		says     []string // in the message or the log
	}{
		"one that listens after five seconds": {
			script:   "wget -q -O - http://web/hello",
			services: map[string]any{"web": scripted("sleep 5; "+serveHello, map[string]any{"tcp": 80})},
			reason:   "completed", stdout: "hello\n",
		},
		"one that answers after two": {
			script: "wget -q -O - http://web:8080/hello",
			services: map[string]any{"web": scripted("mkdir /www; httpd -p 8080 -h /www; sleep 2; echo hello >/www/hello; sleep 600",
				map[string]any{"http": map[string]any{"port": 8080, "path": "/hello"}})},
			reason: "completed", stdout: "hello\n",
		},
		"two that see each other": {
			script: "wget -q -O - http://front/copy",
			services: map[string]any{
				"back": scripted("sleep 1; "+serveHello, nil),
				"front": scripted("mkdir /www; until wget -q -O /www/copy http://back/hello; do sleep 0.2; done; exec httpd -f -p 80 -h /www",
					map[string]any{"tcp": 80}),
			},
			reason: "completed", stdout: "hello\n",
		},
		"on a network without a way out": {
			script:   "wget -q -O - http://web/hello",
			services: map[string]any{"web": scripted(serveHello, map[string]any{"tcp": 80})},
			more:     map[string]any{"network": "none"},
			reason:   "completed", stdout: "hello\n",
		},
		"one that dies": {
			script:   "sleep 600",
			services: map[string]any{"db": scripted("echo listening; sleep 2; echo disk full >&2; exit 3", nil)},
			reason:   "failed", code: -1, says: []string{"service db ended with exit code 3", "service db: disk full", "service db: listening"},
		},
		"one that is never ready": {
			script:   "echo begun",
			services: map[string]any{"db": scripted("echo waiting for Godot; sleep 600", map[string]any{"tcp": 5432, "timeout": 2})},
			reason:   "failed", code: -1, says: []string{"service db was not ready after 2s", "connection refused", "service db: waiting for Godot"},
		},
		"one that dies before it is ready": {
			script:   "echo begun",
			services: map[string]any{"db": scripted("echo no such option; exit 2", map[string]any{"tcp": 5432})},
			reason:   "failed", code: -1, says: []string{"service db ended with exit code 2", "service db: no such option"},
		},
		"one whose image is nowhere": {
			script:   "echo begun",
			services: map[string]any{"db": map[string]any{"image": "127.0.0.1:1/no/such"}},
			reason:   "resource-unavailable", code: -1, says: []string{"service db: pull image 127.0.0.1:1/no/such:latest"},
			more: map[string]any{"maxAttempts": 1},
		},
		"one without a command that exists": {
			script:   "sleep 600",
			services: map[string]any{"db": map[string]any{"image": image, "command": []string{"no-such-command"}}},
			reason:   "failed", code: -1, says: []string{"service db ended with exit code 127"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := taskID(t)
			s.submit(t, served(id, test.script, test.services, test.more))
			e := l.outcome(t, id, 1)
			code := -1
			if e.ExitCode != nil {
				code = *e.ExitCode
			}
			if e.Reason != test.reason || code != test.code {
				t.Errorf("it ended as %s, exit code %d, want %s, %d: %s", e.Reason, code, test.reason, test.code, e.Message)
			}
			if got := l.stream(id, 1, "stdout"); got != test.stdout {
				t.Errorf("stdout: %q, want %q", got, test.stdout)
			}
			for _, text := range test.says {
				if !strings.Contains(e.Message+"\n"+l.stream(id, 1, "worker"), text) {
					t.Errorf("nothing says %q; the message is %q, the log\n%s", text, e.Message, l.stream(id, 1, "worker"))
				}
			}
			l.checkLog(t, e)
		})
	}
	p.drain(t)
	s.checkNothing(t)
}

// What is on a network of its own has no more of a way out than the task asks for.
func TestServiceNetworkIsInternal(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t)
	for network, internal := range map[string]string{"none": "true", "bridge": "false"} {
		id := taskID(t)
		s.submit(t, served(id, "until test -e /go; do sleep 0.1; done", map[string]any{"web": scripted("sleep 600", nil)}, map[string]any{"network": network}))
		started := l.awaitType(t, "task.started", id)
		its := networks(t, s.worker)
		if len(its) != 1 {
			t.Fatalf("networks %v, want one", its)
		}
		if got := tool(t, "docker", "network", "inspect", "--format", "{{.Internal}}", its[0]); strings.TrimSpace(got) != internal {
			t.Errorf("with network %s: internal %s, want %s", network, got, internal)
		}
		tool(t, "docker", "exec", started.ContainerID, "touch", "/go")
		l.outcome(t, id, 1)
	}
	s.checkNothing(t)
}

// An image's own HEALTHCHECK says when its service is ready, where the task does not.
func TestServiceWithAHealthcheck(t *testing.T) {
	t.Parallel()
	tag := "docker-worker/test-healthy:" + strings.ToLower(taskID(t))
	build := exec.Command("docker", "build", "-q", "-t", tag, "-")
	build.Stdin = strings.NewReader("FROM " + image + "\nHEALTHCHECK --interval=1s --timeout=5s CMD test -e /ready\nCMD [\"sh\", \"-c\", \"sleep 3; echo >/ready; sleep 600\"]\n")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build an image: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", tag).Run() })
	task := `{"image": "docker-worker/taskenv-pass", "command": ["date", "+%s"], "services": {"db": {"image": "` + tag + `"}}}`
	begun := time.Now()
	r := program(t, task, "run", "-")
	var at int64
	if _, err := fmt.Sscan(r.stdout, &at); err != nil || r.code != 0 {
		t.Fatalf("exit code %d: %q %q", r.code, r.stdout, r.stderr)
	}
	if waited := time.Unix(at, 0).Sub(begun); waited < 2*time.Second {
		t.Errorf("the task began %v after the start; its service is healthy after 3 seconds", waited)
	}
}

// Fifty tasks with services, four at a time, with addresses for eight networks: all end well, and nothing is left.
func TestManyTasksWithServices(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	var ids []string
	for range 50 {
		id := taskID(t)
		ids = append(ids, id)
		s.submit(t, served(id, "wget -q -O - http://web/hello", map[string]any{"web": scripted(serveHello, map[string]any{"tcp": 80})}))
	}
	p := s.start(t, "--capacity", "4", "--service-subnets", "10.231.7.0/24")
	for _, id := range ids {
		if e := l.outcome(t, id, 1); e.Reason != "completed" || l.stream(id, 1, "stdout") != "hello\n" {
			t.Errorf("%s ended as %s (%s), it has %q", id, e.Reason, e.Message, l.stream(id, 1, "stdout"))
		}
	}
	p.drain(t)
	s.checkNothing(t)
}

// Through a crash of the worker a task and its service go on, and nothing is started twice.
func TestServiceThroughACrash(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l, engine := s.listen(t), watchEngine(t, "")
	p := s.start(t, "--lease", "1m")
	id := taskID(t)
	s.submit(t, served(id, `until test -e /go; do sleep 0.1; done; wget -q -O - http://web/hello`, map[string]any{
		"web":    scripted(serveHello, map[string]any{"tcp": 80}),
		"ticker": scripted(`n=0; while :; do echo "tick $n"; n=$((n+1)); sleep 0.1; done`, nil),
	}))
	started := l.awaitType(t, "task.started", id)
	p.signal(syscall.SIGKILL)
	<-p.ended
	before := strings.Count(l.stream(id, 1, "service/ticker"), "\n")
	p = s.start(t, "--lease", "1m")
	brokertest.Wait(t, patience, "the service's log goes on", func() bool {
		return strings.Count(l.stream(id, 1, "service/ticker"), "\n") > before+20
	})
	tool(t, "docker", "exec", started.ContainerID, "touch", "/go")
	e := l.outcome(t, id, 1)
	if e.Reason != "completed" || l.stream(id, 1, "stdout") != "hello\n" {
		t.Errorf("it ended as %s (%s): %q", e.Reason, e.Message, l.stream(id, 1, "stdout"))
	}
	l.checkLog(t, e)
	if runs := engine.ended(t, id, 3); len(runs) != 3 {
		t.Errorf("%d containers were started, want the task's and two services'", len(runs))
	}
	p.drain(t)
	s.checkNothing(t)
	s.checkEmpty(t)
	if diff := cmp.Diff(map[string][]string{id: {"1 completed"}}, l.outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}
