//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// cacheUse is an entry of an outcome's caches.
type cacheUse struct {
	Name, Instance string
	Reused, Purged bool
}

func (e event) caches(t *testing.T) []cacheUse {
	t.Helper()
	var out struct{ Caches []cacheUse }
	if err := json.Unmarshal(e.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out.Caches
}

// volumes are those that the engine has of a worker.
func volumes(t *testing.T, worker string) []string {
	t.Helper()
	return strings.Fields(tool(t, "docker", "volume", "ls", "-q", "--filter", "label=docker-worker.worker="+worker))
}

func caching(id, name, script string) amqp091.Publishing {
	return message(id, map[string]any{"image": image, "command": []string{"sh", "-c", script}, "stopGrace": 0,
		"cache": map[string]string{name: "/c"}, "onExitStatus": map[string]any{"purgeCaches": []int{7}}})
}

// 30 tasks over three names, four at a time: each has its instance to itself, and what one leaves the next one finds.
func TestCachesAreHeldByOneTaskAtATime(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	var ids []string
	for n := range 30 {
		id := taskID(t)
		ids = append(ids, id)
		// The directory is a lock that only one can make; the file counts visits.
		s.submit(t, caching(id, fmt.Sprintf("cache-%d", n%3), `mkdir /c/lock || exit 9; sleep 0.1; echo >>/c/visits; rmdir /c/lock; wc -l </c/visits`))
	}
	p := s.start(t, "--capacity", "4")
	visits, reused := map[string]int{}, 0
	for _, id := range ids {
		e := l.outcome(t, id, 1)
		uses := e.caches(t)
		if e.Reason != "completed" || len(uses) != 1 || uses[0].Purged {
			t.Errorf("%s ended as %s (%s), caches %+v", id, e.Reason, e.Message, uses)
			continue
		}
		visits[uses[0].Instance]++
		if uses[0].Reused {
			reused++
		}
	}
	if len(visits) > 12 || reused != 30-len(visits) {
		t.Errorf("%d instances were made, and %d times a used one was taken, of 30", len(visits), reused)
	}
	p.drain(t)
	for volume, n := range visits {
		got := tool(t, "docker", "run", "--rm", "-v", volume+":/c", image, "sh", "-c", "wc -l </c/visits")
		if strings.TrimSpace(got) != fmt.Sprint(n) {
			t.Errorf("%s counts %s visits, want %d", volume, got, n)
		}
	}
	t.Logf("%d instances, a used one %d times of 30", len(visits), reused)
}

// What is thrown away, and by whom.
func TestCachesArePurged(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t, "--capacity", "2")
	state := []string{"DOCKER_WORKER_WORKER_ID=" + s.worker, "DOCKER_WORKER_STATE_DIR=" + s.stateDir}
	run := func(script string) cacheUse {
		t.Helper()
		id := taskID(t)
		s.submit(t, caching(id, "npm", script))
		uses := l.outcome(t, id, 1).caches(t)
		if len(uses) != 1 {
			t.Fatalf("caches: %+v", uses)
		}
		return uses[0]
	}

	first := run("exit 3")
	if again := run("exit 7"); again.Instance != first.Instance || !again.Reused || !again.Purged {
		t.Errorf("an exit code that purges: %+v, after %+v", again, first)
	}
	if left := volumes(t, s.worker); len(left) != 0 {
		t.Errorf("volumes %v", left)
	}

	id := taskID(t)
	s.submit(t, caching(id, "npm", "echo half >/c/file; sleep 600"))
	l.awaitType(t, "task.started", id)
	r := programIn(t, state, "", "cache", "ls")
	if !strings.HasPrefix(r.stdout, "npm ") || !strings.Contains(r.stdout, "held by "+id+"/1") || r.code != 0 {
		t.Errorf("cache ls: %d, %q %q", r.code, r.stdout, r.stderr)
	}
	if r := programIn(t, state, "", "cache", "purge"); r.code != 1 || !strings.Contains(r.stderr, "in use") {
		t.Errorf("purge of one in use: %d, %q %q", r.code, r.stdout, r.stderr)
	}
	if r := programIn(t, nil, "", "cancel", "--control-exchange", "docker-worker.control", "--events-exchange", s.exchange, id); r.code != 0 {
		t.Fatalf("cancel: %d %s", r.code, r.stderr)
	}
	if uses := l.outcome(t, id, 1).caches(t); len(uses) != 1 || !uses[0].Purged {
		t.Errorf("canceled: %+v", uses)
	}
	if left := volumes(t, s.worker); len(left) != 0 {
		t.Errorf("volumes %v", left)
	}

	kept := run("echo >/c/file")
	if r := programIn(t, state, "", "cache", "purge", "npm"); r.code != 0 || !strings.Contains(r.stdout, kept.Instance) {
		t.Errorf("purge: %d, %q %q", r.code, r.stdout, r.stderr)
	}
	if again := run("test ! -e /c/file || exit 9"); again.Reused {
		t.Errorf("after a purge beside the worker: %+v", again)
	}
}

// Through a crash of the worker a task keeps its cache, and nobody else gets it.
func TestCacheIsHeldThroughACrash(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t, "--capacity", "2", "--lease", "1m")
	first := taskID(t)
	s.submit(t, caching(first, "npm", "mkdir /c/lock; until test -e /go; do sleep 0.1; done; rmdir /c/lock"))
	started := l.awaitType(t, "task.started", first)
	p.signal(syscall.SIGKILL)
	<-p.ended
	s.start(t, "--capacity", "2", "--lease", "1m")
	second := taskID(t)
	s.submit(t, caching(second, "npm", "mkdir /c/lock || exit 9; rmdir /c/lock"))
	other := l.outcome(t, second, 1)
	tool(t, "docker", "exec", started.ContainerID, "touch", "/go")
	e := l.outcome(t, first, 1)
	if e.Reason != "completed" || other.Reason != "completed" {
		t.Errorf("the first ended as %s, the second as %s", e.Reason, other.Reason)
	}
	a, b := e.caches(t), other.caches(t)
	if len(a) != 1 || len(b) != 1 || a[0].Instance == b[0].Instance {
		t.Errorf("the first had %+v, the second %+v", a, b)
	}
	third := taskID(t)
	s.submit(t, caching(third, "npm", "true"))
	want := []cacheUse{{Name: "npm", Instance: a[0].Instance, Reused: true}}
	if diff := cmp.Diff(want, l.outcome(t, third, 1).caches(t)); diff != "" {
		t.Errorf("the third (-want +got):\n%s", diff)
	}
}

// Above its limit the worker removes what was not used for the longest time; it looks at its start, and after tasks.
func TestCachesAreKeptBelowTheirLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t)
	var used []cacheUse
	for _, name := range []string{"old", "new"} {
		id := taskID(t)
		s.submit(t, caching(id, name, "dd if=/dev/zero of=/c/file bs=1M count=5"))
		used = append(used, l.outcome(t, id, 1).caches(t)...)
	}
	p.drain(t)
	if len(used) != 2 || len(volumes(t, s.worker)) != 2 {
		t.Fatalf("caches %+v, volumes %v", used, volumes(t, s.worker))
	}
	s.start(t, "--cache-size", "8m")
	brokertest.Wait(t, patience, "one of them is gone", func() bool { return len(volumes(t, s.worker)) == 1 })
	if left := volumes(t, s.worker); left[0] != used[1].Instance {
		t.Errorf("%s is left, want the one that was used last, %s", left[0], used[1].Instance)
	}
}

// A new cache holds what the image has there: here a command.
func TestCacheIsFilledFromTheImage(t *testing.T) {
	t.Parallel()
	r := program(t, `{"image": "docker-worker/taskenv-pass", "command": ["ls", "/usr/local/bin"], "cache": {"x": "/usr/local/bin"}}`, "run", "-")
	if r.code != 0 || r.stdout != "taskhost-who\n" {
		t.Errorf("exit code %d, %q %q", r.code, r.stdout, r.stderr)
	}
}

// A task that is run once, without a queue, leaves no cache.
func TestCacheOfARunIsGone(t *testing.T) {
	t.Parallel()
	r := program(t, "", "run", "--events", "../examples/cache.json")
	var uses []cacheUse
	for line := range strings.Lines(r.stdout) {
		if strings.Contains(line, `"event":"task.completed"`) {
			uses = event{Delivery: amqp091.Delivery{Body: []byte(line)}}.caches(t)
		}
	}
	if r.code != 0 || len(uses) != 1 || !uses[0].Purged {
		t.Fatalf("exit code %d, caches %+v in\n%s", r.code, uses, r.stdout)
	}
	if left := tool(t, "docker", "volume", "ls", "-q", "--filter", "name="+uses[0].Instance); left != "" {
		t.Errorf("it leaves %s", left)
	}
}
