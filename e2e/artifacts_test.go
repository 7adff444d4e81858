//go:build integration

package e2e

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// uploads is a server that takes what is put, and knows size and digest of it.
type uploads struct {
	*httptest.Server
	refuse func(nth int, w http.ResponseWriter, r *http.Request) bool // asked first
	whole  chan string                                                // gets the path of each upload that came whole

	mu       sync.Mutex
	requests map[string]int
	got      map[string]upload
}

type upload struct {
	Size   int64
	SHA256 string
}

func takeUploads(t *testing.T) *uploads {
	u := &uploads{requests: map[string]int{}, got: map[string]upload{}, whole: make(chan string, 100)}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.requests[r.URL.Path]++
		nth := u.requests[r.URL.Path]
		u.mu.Unlock()
		if u.refuse != nil && u.refuse(nth, w, r) {
			return
		}
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil || n != r.ContentLength {
			return
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.got[r.URL.Path] = upload{n, hex.EncodeToString(sum.Sum(nil))}
		u.whole <- r.URL.Path
	}))
	t.Cleanup(u.Close)
	return u
}

// of is what came whole to a path, and after how many requests.
func (u *uploads) of(path string) (got upload, requests int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.got[path], u.requests[path]
}

// artifact is an entry of an outcome's artifacts.
type artifact struct {
	Name, Path, SHA256, ContentType, URL, Error string
	Size                                        int64
	Files                                       int
	Missing                                     bool
}

func (e event) artifacts(t *testing.T) []artifact {
	t.Helper()
	var out struct{ Artifacts []artifact }
	if err := json.Unmarshal(e.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out.Artifacts
}

func making(id, script string, artifacts map[string]any) map[string]any {
	return map[string]any{"image": image, "command": []string{"sh", "-c", script}, "stopGrace": 0, "artifacts": artifacts}
}

// TestLargeArtifact: five gigabytes go from the container to a server, and the worker keeps small.
func TestLargeArtifact(t *testing.T) {
	const size = 5 << 30
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	u := takeUploads(t)
	p := s.start(t, "--allow-address", "127.0.0.1")
	id := taskID(t)
	s.submit(t, message(id, making(id, fmt.Sprintf("truncate -s %d /big; exit 3", size), map[string]any{"big": map[string]any{"path": "/big", "url": u.URL + "/big?secret"}})))

	select { // the engine may take its time for so much
	case <-u.whole:
	case <-time.After(5 * patience):
		t.Fatal("the upload does not come to an end")
	}
	e := l.outcome(t, id, 1)
	peak := p.memory(t, "VmHWM")
	t.Logf("peak memory of the worker: %.1f MB", float64(peak)/1e6)
	if peak >= 60e6 {
		t.Errorf("the worker had %d bytes of memory, want less than 60 MB", peak)
	}
	got, _ := u.of("/big")
	if e.Reason != "failed" || got.Size != size {
		t.Errorf("the server has %+v\n%s", got, e.Body)
	}
	want := []artifact{{Name: "big", Path: "/big", Size: size, SHA256: got.SHA256, ContentType: "application/octet-stream", URL: u.URL + "/big"}}
	if diff := cmp.Diff(want, e.artifacts(t)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(l.String(), "secret") || strings.Contains(p.log.String(), "secret") {
		t.Error("a signature was told")
	}
}

// TestArtifactsInTrouble: an upload that fails twice is whole in the end; a server that stalls is given up; and how the
// task ended is its own.
func TestArtifactsInTrouble(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	u := takeUploads(t)
	release := make(chan struct{})
	u.refuse = func(nth int, w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/twice" && nth == 1:
			io.CopyN(io.Discard, r.Body, 1<<20)
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/twice" && nth == 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/stalls":
			<-release
		default:
			return false
		}
		return true
	}
	s.start(t, "--allow-address", "127.0.0.1", "--transfer-inactivity", "1s")
	id := taskID(t)
	s.submit(t, message(id, making(id, "head -c 3000000 /dev/urandom > /a; sha256sum /a | cut -c-64", map[string]any{
		"twice":  map[string]any{"path": "/a", "url": u.URL + "/twice"},
		"stalls": map[string]any{"path": "/a", "url": u.URL + "/stalls"},
		"none":   map[string]any{"path": "/none", "url": u.URL + "/none"},
		"opt":    map[string]any{"path": "/none", "url": u.URL + "/none", "optional": true},
	})))

	e := l.outcome(t, id, 1)
	close(release)
	sum := strings.TrimSpace(l.stream(id, 1, "stdout"))
	got, twice := u.of("/twice")
	if _, stalls := u.of("/stalls"); e.Reason != "completed" || got != (upload{3000000, sum}) || twice != 3 || stalls != 5 {
		t.Errorf("the server has %+v after %d requests, and %d to stall; want sha256 %s\n%s", got, twice, stalls, sum, e.Body)
	}
	want := []artifact{
		{Name: "none", Path: "/none", Missing: true, Error: "there is none in the container"},
		{Name: "opt", Path: "/none", Missing: true},
		{Name: "stalls", Path: "/a", Error: "upload " + u.URL + "/stalls: no byte has moved for 1s (tried 5 times)"},
		{Name: "twice", Path: "/a", Size: 3000000, SHA256: sum, ContentType: "application/octet-stream", URL: u.URL + "/twice"},
	}
	if diff := cmp.Diff(want, e.artifacts(t)); diff != "" {
		t.Error(diff)
	}
	for _, a := range want {
		told := l.all(func(e event) bool {
			return e.Type == "task.artifact" && strings.Contains(string(e.Body), `"name":"`+a.Name+`"`)
		})
		if len(told) != 1 {
			t.Errorf("%s was told %d times", a.Name, len(told))
		}
	}
	log := l.stream(id, 1, "worker")
	for _, text := range []string{"artifact none: /none: there is none in the container", "artifact stalls: /a: upload"} {
		if !strings.Contains(log, text) {
			t.Errorf("the log does not say %q:\n%s", text, log)
		}
	}
	if strings.Contains(log, "opt") {
		t.Errorf("the log speaks of what is optional:\n%s", log)
	}
}

// TestArtifactKinds: directories and globs, in the store and at an address, with all that a directory can have in it.
func TestArtifactKinds(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	packed := filepath.Join(t.TempDir(), "packed")
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		file, err := os.Create(packed)
		if err == nil {
			_, err = io.Copy(file, r.Body)
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	const script = `mkdir -p "/out/sub dir" /out/empty; cd /out; echo a > a.log; ln a.log "sub dir/second.log"; ln -s /etc link; mkfifo pipe; echo b > "sub dir/b%.txt"; ln -s /out /behind`
	r := runTask(t, making("", script, map[string]any{
		"tree": map[string]any{"type": "directory", "path": "/behind"},
		"logs": map[string]any{"type": "glob", "path": "/out/**/*.log"},
		"tgz":  map[string]any{"type": "directory", "path": "/out", "url": server.URL + "/x.tgz"},
	}), "--artifact-store", store)
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	var kept []string
	err := filepath.WalkDir(store, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		parts := strings.SplitN(strings.TrimPrefix(path, store+"/"), "/", 2) // the task's id is first
		kept = append(kept, fmt.Sprintf("%s %s", parts[1], text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1/logs/a.log a\n", "1/logs/sub dir/second.log a\n", "1/tree/a.log a\n", "1/tree/sub dir/b%.txt b\n", "1/tree/sub dir/second.log a\n"}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a.log", "empty/", "sub dir/", "sub dir/b%.txt", "sub dir/second.log => a.log"}, listTarball(t, packed)); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"artifact tree: /out/link is a symbolic link, and left out", "/out/pipe is a device, pipe or socket, and left out"} {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("the log does not say %q:\n%s", text, r.stderr)
		}
	}
}

func listTarball(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		name := h.Name
		if h.Linkname != "" {
			name += " => " + h.Linkname
		}
		names = append(names, name)
	}
}

// TestArtifactsAfterAKill: what a worker had no time to keep, the next one keeps; what it had kept is not kept again.
func TestArtifactsAfterAKill(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	u := takeUploads(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	u.refuse = func(nth int, _ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/b" && nth == 1 {
			close(arrived)
			<-release
			return true
		}
		return false
	}
	first := s.start(t, "--allow-address", "127.0.0.1")
	id := taskID(t)
	s.submit(t, message(id, making(id, "echo a > /a; echo b > /b; exit 3", map[string]any{
		"a": map[string]any{"path": "/a", "url": u.URL + "/a"}, "b": map[string]any{"path": "/b", "url": u.URL + "/b"},
	})))
	l.awaitType(t, "task.artifact", id)
	<-arrived
	first.kill()
	close(release)
	s.start(t, "--allow-address", "127.0.0.1")

	e := l.outcome(t, id, 1)
	var names []string
	for _, a := range e.artifacts(t) {
		names = append(names, a.Name+a.Error)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" || e.Reason != "failed" || *e.ExitCode != 3 {
		t.Errorf("%s\n%s", diff, e.Body)
	}
	_, a := u.of("/a")
	if b, requests := u.of("/b"); a != 1 || requests != 2 || b.Size != 2 {
		t.Errorf("the server has %+v after %d requests, and the first after %d", b, requests, a)
	}
	if left := containers(t, "", s.worker); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
}
