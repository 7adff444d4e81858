//go:build integration

package e2e

import (
	"encoding/json"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestEventsAboutTheWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t, "--capacity", "2", "--worker-type", "tester")
	done, running := taskID(t), taskID(t)
	s.submit(t, shell(done, "exit 3"))
	l.outcome(t, done, 1)
	s.submit(t, shell(running, "sleep 2"))
	l.awaitType(t, "task.started", running)
	p.signal(syscall.SIGINT)
	if code := p.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	l.await(t, "worker.stopped", func(e event) bool { return e.Type == "worker.stopped" })

	events := l.all(func(e event) bool { return e.TaskID == "" && e.Type != "worker.heartbeat" })
	var types []string
	ids := map[string]bool{}
	for _, e := range events {
		types = append(types, e.Type)
		ids[e.MessageId] = true
	}
	if diff := cmp.Diff([]string{"worker.started", "worker.draining", "worker.stopped"}, types); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
	if len(ids) != 3 {
		t.Errorf("message ids are not unique: %v", ids)
	}
	for _, e := range events {
		checkHost(t, e)
		if e.Capacity != 2 || e.Queue != s.queue || e.WorkerID != s.worker || e.Time.IsZero() {
			t.Errorf("%s: %s", e.Type, e.Body)
		}
	}
	if draining := events[1]; !slices.Equal(draining.Running, []string{running}) || draining.Resolved["failed"] != 1 {
		t.Errorf("worker.draining: %s", draining.Body)
	}
	if stopped := events[2]; len(stopped.Running) != 0 || stopped.Resolved["completed"] != 1 || stopped.Resolved["failed"] != 1 {
		t.Errorf("worker.stopped: %s", stopped.Body)
	}
}

// checkHost looks at what a worker's event tells about its host.
func checkHost(t *testing.T, e event) {
	t.Helper()
	var body struct {
		WorkerType     string
		ProgramVersion string
		Host           struct {
			Name, OperatingSystem, Architecture, EngineVersion, APIVersion string
			CPUs                                                           int
			MemoryBytes                                                    int64
		}
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		t.Fatal(err)
	}
	h := body.Host
	if body.WorkerType != "tester" || body.ProgramVersion == "" || h.Name == "" || h.OperatingSystem == "" || h.Architecture == "" ||
		h.EngineVersion == "" || h.APIVersion == "" || h.CPUs < 1 || h.MemoryBytes < 1<<20 {
		t.Errorf("%s: %s", e.Type, e.Body)
	}
}
