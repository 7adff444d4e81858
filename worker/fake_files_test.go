package worker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/transfer"
)

// fakeFiles is the file system of the containers of a fakeEngine; they share it.
type fakeFiles struct {
	mu     sync.Mutex
	nodes  map[string]tar.Header // by path
	texts  map[string]string
	puts   int
	refuse error // what a put or a get returns
}

// newFakeFiles has directories, files (path=text) and links (path->path).
func newFakeFiles(nodes ...string) *fakeFiles {
	f := &fakeFiles{nodes: map[string]tar.Header{"/": {Typeflag: tar.TypeDir}}, texts: map[string]string{}}
	for _, n := range nodes {
		if at, target, ok := strings.Cut(n, "->"); ok {
			f.nodes[at] = tar.Header{Typeflag: tar.TypeSymlink, Linkname: target}
		} else if at, text, ok := strings.Cut(n, "="); ok {
			f.nodes[at], f.texts[at] = tar.Header{Typeflag: tar.TypeReg}, text
		} else {
			f.nodes[n] = tar.Header{Typeflag: tar.TypeDir}
		}
	}
	return f
}

func (f *fakeFiles) ContainerArchiveInfo(_ context.Context, id, at string) (dockerapi.PathStat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.nodes[at]
	if !ok {
		return dockerapi.PathStat{}, engineAnswer(404)
	}
	kind := map[byte]fs.FileMode{tar.TypeDir: fs.ModeDir, tar.TypeSymlink: fs.ModeSymlink}[n.Typeflag]
	return dockerapi.PathStat{Mode: kind, Size: int64(len(f.texts[at])), LinkTarget: n.Linkname}, nil
}

func (f *fakeFiles) ContainerArchive(_ context.Context, id, at string) (io.ReadCloser, dockerapi.PathStat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, dockerapi.PathStat{}, f.refuse
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	dir, below := strings.CutSuffix(at, "/.")
	for _, name := range slices.Sorted(maps.Keys(f.nodes)) {
		h := f.nodes[name]
		h.Name, h.Size = path.Base(name), int64(len(f.texts[name]))
		if rest, inside := strings.CutPrefix(name, dir); below && inside {
			h.Name = "." + rest
		} else if name != at {
			continue
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, dockerapi.PathStat{}, err
		}
		if _, err := io.WriteString(w, f.texts[name]); err != nil {
			return nil, dockerapi.PathStat{}, err
		}
	}
	return io.NopCloser(&out), dockerapi.PathStat{}, w.Close()
}

func (f *fakeFiles) PutContainerArchive(_ context.Context, id, at string, content io.Reader, opts dockerapi.PutArchiveOptions) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.puts++
	if f.refuse != nil {
		return f.refuse
	}
	if at != "/" || !opts.NoOverwriteDirNonDir || opts.CopyUIDGID {
		return fmt.Errorf("put to %s with %+v", at, opts)
	}
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := "/" + path.Clean(h.Name)
		if was, ok := f.nodes[name]; ok && h.Typeflag == tar.TypeDir {
			return fmt.Errorf("directory %s was there: %+v", name, was)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		f.nodes[name], f.texts[name] = *h, string(text)
	}
}

// list has a line for each of what was put there.
func (f *fakeFiles) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(f.nodes)) {
		if h := f.nodes[name]; h.Name != "" {
			lines = append(lines, fmt.Sprintf("%s %c %o %s%s", name, h.Typeflag, h.Mode, f.texts[name], h.Linkname))
		}
	}
	return lines
}

// web is an HTTP server without a network, so that time may be fake with it. A handler's status is 0 for an answer that
// never comes.
type web struct {
	answer func(r *http.Request, body string) (status int, content string)

	mu   sync.Mutex
	seen []string // method, URL and body
}

func (w *web) client() *transfer.Client { return &transfer.Client{Transport: w} }

func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	w.mu.Lock()
	w.seen = append(w.seen, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.URL, body)))
	w.mu.Unlock()
	status, content := http.StatusOK, ""
	if w.answer != nil {
		status, content = w.answer(r, string(body))
	}
	if status == 0 {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(content)), ContentLength: int64(len(content)), Header: http.Header{}}, nil
}

func (w *web) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}
