package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/transfer"
	"github.com/docker-worker/docker-worker/worker/task"
)

// place is an HTTP server that keeps what it gets, after a number of failures.
type place struct {
	*httptest.Server
	mu     sync.Mutex
	fail   int // requests that are refused first, when half of the body is read
	got    map[string]string
	header map[string]http.Header
}

func newPlace(t *testing.T) *place {
	p := &place{got: map[string]string{}, header: map[string]http.Header{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.fail > 0 {
			p.fail--
			io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it did not come whole
		}
		p.got[r.RequestURI], p.header[r.RequestURI] = string(body), r.Header
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *place) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for name := range p.got {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func newKeeper(t *testing.T, c *fakeContainer) *Keeper {
	client := &transfer.Client{Pause: time.Millisecond}
	t.Cleanup(client.Close)
	return &Keeper{Source: c, Client: client, TempDir: t.TempDir(), MaxSize: 1 << 30}
}

// order is for an artifact that is called x; what is told and skipped ends in notes.
func order(a task.Artifact, notes *[]string) Order {
	return Order{Artifact: a, Name: "x", Container: "c", Prefix: "t1/1",
		Told: func(k Kept) {
			*notes = append(*notes, fmt.Sprintf("told %s %s %d %s", k.Name, k.Path, k.Size, k.ContentType))
		},
		Skipped: func(path, why string) { *notes = append(*notes, path+" is "+why) }}
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestKeepFile sends a file to its address, again when it has to be: each time from the engine.
func TestKeepFile(t *testing.T) {
	for name, test := range map[string]struct{ path, at string }{"itself": {"/out/app.log", "/out/app.log"}, "behind a link": {"/out/latest/", "/out/app.log"}} {
		t.Run(name, func(t *testing.T) {
			c, p := build(t), newPlace(t)
			p.fail = 2
			var notes []string
			kept, err := newKeeper(t, c).Keep(t.Context(), order(task.Artifact{Type: task.FileArtifact, Path: test.path, URL: p.URL + "/a?signature=secret"}, &notes))
			if err != nil {
				t.Fatal(err)
			}
			content := strings.Repeat("line\n", 1000)
			wantType := map[bool]string{true: "text/plain", false: "application/octet-stream"}[test.path == test.at]
			want := Kept{Name: "x", Path: test.path, Size: 5000, SHA256: sumOf(content), ContentType: wantType, URL: p.URL + "/a"}
			if diff := cmp.Diff(want, kept); diff != "" {
				t.Error(diff)
			}
			if p.got["/a?signature=secret"] != content || p.header["/a?signature=secret"].Get("Content-Type") != "" {
				t.Errorf("the server has %v", p.header)
			}
			if diff := cmp.Diff([]string{test.at, test.at, test.at}, c.read); diff != "" {
				t.Errorf("what was read of the engine: %s", diff)
			}
		})
	}
}

func TestContentTypeOfTheTask(t *testing.T) {
	p := newPlace(t)
	var notes []string
	kept, err := newKeeper(t, build(t)).Keep(t.Context(), order(task.Artifact{Type: task.FileArtifact, Path: "/out/app.log", URL: p.URL + "/a", ContentType: "text/x-log"}, &notes))
	if err != nil || kept.ContentType != "text/x-log" || p.header["/a"].Get("Content-Type") != "text/x-log" || p.header["/a"].Get("Content-Encoding") != "" {
		t.Errorf("%v %v %v", kept, err, p.header)
	}
}

// TestKeepDirectory packs a directory, or what a pattern wants of it, as one tar.gz for an address.
func TestKeepDirectory(t *testing.T) {
	for name, test := range map[string]struct {
		artifact task.Artifact
		want     []string
		notes    []string
	}{
		"directory": {task.Artifact{Type: task.DirectoryArtifact, Path: "/out/"},
			[]string{"app.log 640 5000", "big.bin 640 1048580", "sub/ 640 0", "sub/a b%.txt 640 1", "sub/same.log 640 0 => app.log"},
			[]string{"/out/latest is a symbolic link", "/out/pipe is a device, pipe or socket"}},
		"behind a link": {task.Artifact{Type: task.DirectoryArtifact, Path: "/link"},
			[]string{"app.log 640 5000", "big.bin 640 1048580", "sub/ 640 0", "sub/a b%.txt 640 1", "sub/same.log 640 0 => app.log"},
			[]string{"/out/latest is a symbolic link", "/out/pipe is a device, pipe or socket"}},
		"empty":              {task.Artifact{Type: task.DirectoryArtifact, Path: "/empty"}, nil, nil},
		"glob":               {task.Artifact{Type: task.GlobArtifact, Path: "/out/**/*.log"}, []string{"app.log 640 5000", "sub/same.log 640 0 => app.log"}, nil},
		"the second name":    {task.Artifact{Type: task.GlobArtifact, Path: "/out/sub/*"}, []string{"a b%.txt 640 1", "same.log 640 5000"}, nil},
		"the link is wanted": {task.Artifact{Type: task.GlobArtifact, Path: "/out/[al]*"}, []string{"app.log 640 5000"}, []string{"/out/latest is a symbolic link"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, p := build(t), newPlace(t)
			if name == "the second name" { // as the engine has it when it begins there: a plain file
				c.nodes[8] = node{at: "/out/sub/same.log", content: c.nodes[2].content}
			}
			p.fail = 1
			var notes []string
			test.artifact.URL = p.URL + "/a.tgz"
			kept, err := newKeeper(t, c).Keep(t.Context(), order(test.artifact, &notes))
			if err != nil {
				t.Fatal(err)
			}
			body := p.got["/a.tgz"]
			want := Kept{Name: "x", Path: test.artifact.Path, Size: int64(len(body)), SHA256: sumOf(body), ContentType: "application/gzip", URL: p.URL + "/a.tgz"}
			if diff := cmp.Diff(want, kept); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.want, packed(t, body)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.notes, notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSecondNameOnly: of a file with two names, the one that is not a link to the other may be the one that is not
// wanted.
func TestSecondNameOnly(t *testing.T) {
	c, p := build(t), newPlace(t)
	var notes []string
	a := task.Artifact{Type: task.GlobArtifact, Path: "/out/**/same.log", URL: p.URL + "/a.tgz"}
	if _, err := newKeeper(t, c).Keep(t.Context(), order(a, &notes)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sub/same.log 640 5000"}, packed(t, p.got["/a.tgz"])); diff != "" {
		t.Error(diff)
	}
}

// packed lists a tar.gz.
func packed(t *testing.T, body string) []string {
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s %o %d", h.Name, h.Mode, h.Size)
		if h.Linkname != "" {
			line += " => " + h.Linkname
		}
		list = append(list, line)
	}
}

// TestKeepInStore gives each file of a directory an object, and text goes compressed.
func TestKeepInStore(t *testing.T) {
	c, p := build(t), newPlace(t)
	k := newKeeper(t, c)
	var err error
	if k.Store, err = NewStore(p.URL+"/base/?token=secret", k.Client, k.TempDir); err != nil {
		t.Fatal(err)
	}
	var notes []string
	kept, err := k.Keep(t.Context(), order(task.Artifact{Type: task.DirectoryArtifact, Path: "/out"}, &notes))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Kept{Name: "x", Path: "/out", Size: 5000 + 1048580 + 1 + 5000, Files: 4}, kept); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"told x/app.log /out/app.log 5000 text/plain",
		"/out/latest is a symbolic link",
		"/out/pipe is a device, pipe or socket",
		"told x/sub/a b%.txt /out/sub/a b%.txt 1 text/plain",
		"told x/big.bin /out/big.bin 1048580 application/octet-stream",
		"told x/sub/same.log /out/sub/same.log 5000 text/plain",
	}, notes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"/base/t1/1/x/app.log?token=secret", "/base/t1/1/x/big.bin?token=secret",
		"/base/t1/1/x/sub/a%20b%25.txt?token=secret", "/base/t1/1/x/sub/same.log?token=secret",
	}, p.names()); diff != "" {
		t.Error(diff)
	}
	for name, encoding := range map[string]string{"/base/t1/1/x/app.log?token=secret": "gzip", "/base/t1/1/x/big.bin?token=secret": "", "/base/t1/1/x/sub/a%20b%25.txt?token=secret": ""} {
		if got := p.header[name].Get("Content-Encoding"); got != encoding {
			t.Errorf("%s is encoded as %q, want %q", name, got, encoding)
		}
	}
	z, err := gzip.NewReader(strings.NewReader(p.got["/base/t1/1/x/app.log?token=secret"]))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != strings.Repeat("line\n", 1000) {
		t.Errorf("%d bytes, %v", len(text), err)
	}

	// A file of its own has the digest of what it is, not of how it travels.
	kept, err = k.Keep(t.Context(), order(task.Artifact{Type: task.FileArtifact, Path: "/out/app.log"}, &notes))
	want := Kept{Name: "x", Path: "/out/app.log", Size: 5000, SHA256: sumOf(strings.Repeat("line\n", 1000)), ContentType: "text/plain", URL: p.URL + "/base/t1/1/x"}
	if diff := cmp.Diff(want, kept); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestNotKept(t *testing.T) {
	p := newPlace(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refusing.Close()
	for name, test := range map[string]struct {
		artifact task.Artifact
		change   func(*Keeper, *fakeContainer)
		want     string // "" is ErrMissing
	}{
		"no file":                     {artifact: task.Artifact{Type: task.FileArtifact, Path: "/none", URL: p.URL}},
		"no directory":                {artifact: task.Artifact{Type: task.DirectoryArtifact, Path: "/none", URL: p.URL}},
		"a link to nothing":           {artifact: task.Artifact{Type: task.FileArtifact, Path: "/dangling", URL: p.URL}},
		"no match":                    {artifact: task.Artifact{Type: task.GlobArtifact, Path: "/out/*.none", URL: p.URL}},
		"no match for the store":      {artifact: task.Artifact{Type: task.GlobArtifact, Path: "/out/*.none"}, change: func(k *Keeper, _ *fakeContainer) { k.Store = dirStore("/nowhere") }},
		"nowhere to match":            {artifact: task.Artifact{Type: task.GlobArtifact, Path: "/none/*", URL: p.URL}},
		"below a file":                {artifact: task.Artifact{Type: task.GlobArtifact, Path: "/out/app.log/*", URL: p.URL}},
		"a directory for a file":      {artifact: task.Artifact{Type: task.FileArtifact, Path: "/out", URL: p.URL}, want: "it is a directory, and the artifact's type is file"},
		"a pipe":                      {artifact: task.Artifact{Type: task.FileArtifact, Path: "/out/pipe", URL: p.URL}, want: "it is a device, pipe or socket"},
		"a file for a directory":      {artifact: task.Artifact{Type: task.DirectoryArtifact, Path: "/out/app.log", URL: p.URL}, want: "it is not a directory"},
		"refused":                     {artifact: task.Artifact{Type: task.FileArtifact, Path: "/out/app.log", URL: refusing.URL + "/a?secret"}, want: "upload " + refusing.URL + "/a: the server answers 403 Forbidden"},
		"no store":                    {artifact: task.Artifact{Type: task.FileArtifact, Path: "/out/app.log"}, want: "it has no url, and this worker has no --artifact-store"},
		"no store for a directory":    {artifact: task.Artifact{Type: task.DirectoryArtifact, Path: "/out"}, want: "it has no url, and this worker has no --artifact-store"},
		"too large":                   {artifact: task.Artifact{Type: task.FileArtifact, Path: "/out/big.bin", URL: p.URL}, change: func(k *Keeper, _ *fakeContainer) { k.MaxSize = 1 << 20 }, want: "it is larger than the 1048576 bytes that this worker keeps (its --max-artifact-size)"},
		"too large a directory":       {artifact: task.Artifact{Type: task.DirectoryArtifact, Path: "/out", URL: p.URL}, change: func(k *Keeper, _ *fakeContainer) { k.MaxSize = 5000 }, want: "it is larger than"},
		"too much in the store":       {artifact: task.Artifact{Type: task.DirectoryArtifact, Path: "/out"}, change: func(k *Keeper, _ *fakeContainer) { k.MaxSize, k.Store = 5000, discarding{} }, want: "it is larger than"},
		"breaks off":                  {artifact: task.Artifact{Type: task.DirectoryArtifact, Path: "/out", URL: p.URL}, change: func(_ *Keeper, c *fakeContainer) { c.cut = 1024 }, want: "unexpected EOF"},
		"breaks off in a file":        {artifact: task.Artifact{Type: task.FileArtifact, Path: "/out/app.log", URL: p.URL}, change: func(_ *Keeper, c *fakeContainer) { c.cut = 2000 }, want: "unexpected EOF"},
		"a name that leads elsewhere": {artifact: task.Artifact{Type: task.DirectoryArtifact, Path: "/out", URL: p.URL}, change: func(_ *Keeper, c *fakeContainer) { c.nodes = append(c.nodes, node{at: "/out/../etc"}) }, want: `the engine speaks of "./../etc", which is elsewhere`},
	} {
		t.Run(name, func(t *testing.T) {
			c := build(t)
			k := newKeeper(t, c)
			if test.change != nil {
				test.change(k, c)
			}
			var notes []string
			kept, err := k.Keep(t.Context(), order(test.artifact, &notes))
			switch {
			case test.want == "" && !errors.Is(err, ErrMissing):
				t.Errorf("got %v, want that it is missing", err)
			case test.want != "" && (err == nil || errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			case kept.URL != "" || kept.SHA256 != "" || strings.Contains(fmt.Sprint(err), "secret"):
				t.Errorf("got %+v, %v", kept, err)
			}
		})
	}
	if names := p.names(); names != nil {
		t.Errorf("the server has %v", names)
	}
}

// discarding is a store that keeps nothing.
type discarding struct{}

func (discarding) Put(ctx context.Context, key string, o Object) (string, error) {
	var out bytes.Buffer
	return key, copyWhole(ctx, &out, o)
}
