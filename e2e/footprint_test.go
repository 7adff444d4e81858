//go:build integration

package e2e

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestBinary(t *testing.T) {
	path := os.Getenv(binaryVariable)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("size of the binary: %.2f MB", float64(info.Size())/1e6)
	if info.Size() > 10<<20 { // docs/decisions/size.md says what makes it grow
		t.Errorf("the binary has %d bytes, want 10 MiB at most", info.Size())
	}

	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary is not static: it has a %v", p.Type)
		}
	}

	// What go.mod calls indirect does not count: a module of ours did not ask for it.
	build, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, dep := range build.Deps {
		for line := range strings.Lines(string(mod)) {
			if strings.Contains(line, dep.Path+" ") && !strings.Contains(line, "// indirect") {
				direct = append(direct, dep.Path)
			}
		}
	}
	t.Logf("modules in the binary: %d, of which direct: %v", len(build.Deps), direct)
	if len(direct) == 0 || len(direct) > 6 {
		t.Errorf("%d direct modules in the binary, want 1 to 6", len(direct))
	}
}

// TestIdleWorker is what a worker costs, and says, that has nothing to do. It takes a minute: the first heartbeat.
func TestIdleWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t, "worker.#")
	p := s.start(t, "--capacity", "8", "--worker-type", "idler")
	beat := l.await(t, "a heartbeat", func(e event) bool { return e.Type == "worker.heartbeat" })
	if beat.Capacity != 8 || len(beat.Running) != 0 || beat.WorkerID != s.worker || beat.Queue != s.queue {
		t.Errorf("the heartbeat: %s", beat.Body)
	}
	busiest := p.memory(t, "VmRSS")
	brokertest.Wait(t, patience, "an idle worker has 12 MB at most", func() bool { return p.memory(t, "VmRSS") <= 12e6 })
	t.Logf("memory of an idle worker: %.1f MB, right after a heartbeat %.1f MB", float64(p.memory(t, "VmRSS"))/1e6, float64(busiest)/1e6)
}
