package artifact

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// node is something in a fake container.
type node struct {
	at      string
	kind    byte // of a tar; 0 is a plain file
	content string
	target  string
}

// fakeContainer answers as an engine does, for one container. A path that ends in "/." is what is below a directory.
type fakeContainer struct {
	nodes []node
	cut   int // bytes that are missing at the end of each archive

	mu   sync.Mutex
	read []string // paths of the archives that were read
	open int
}

func (c *fakeContainer) ContainerArchiveInfo(_ context.Context, _, at string) (dockerapi.PathStat, error) {
	for _, n := range c.nodes {
		if n.at != at {
			continue
		}
		stat := dockerapi.PathStat{Size: int64(len(n.content)), LinkTarget: n.target}
		switch n.kind {
		case tar.TypeDir:
			stat.Mode = fs.ModeDir | 0o755
		case tar.TypeSymlink:
			stat.Mode = fs.ModeSymlink
		case tar.TypeFifo:
			stat.Mode = fs.ModeNamedPipe
		case tar.TypeLink:
			return c.ContainerArchiveInfo(context.Background(), "", n.target)
		}
		return stat, nil
	}
	return dockerapi.PathStat{}, &dockerapi.Error{StatusCode: http.StatusNotFound}
}

func (c *fakeContainer) ContainerArchive(_ context.Context, _, at string) (io.ReadCloser, dockerapi.PathStat, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = append(c.read, at)
	c.open++
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	dir, below := strings.CutSuffix(at, "/.")
	var err error
	for _, n := range c.nodes {
		name := path.Base(n.at)
		if below {
			rest, inside := strings.CutPrefix(n.at, dir)
			if !inside {
				continue
			}
			name = "." + rest
		} else if n.at != at {
			continue
		}
		h := &tar.Header{Typeflag: n.kind, Name: name, Mode: 0o4640, Size: int64(len(n.content)), Linkname: n.target}
		if n.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if n.kind == tar.TypeLink && below {
			h.Linkname = "." + strings.TrimPrefix(n.target, dir)
		} else if n.kind == tar.TypeLink { // by itself it is a file
			for _, first := range c.nodes {
				if first.at == n.target {
					n.content, h.Typeflag, h.Linkname, h.Size = first.content, tar.TypeReg, "", int64(len(first.content))
				}
			}
		}
		err = errors.Join(err, w.WriteHeader(h))
		_, werr := io.WriteString(w, n.content)
		err = errors.Join(err, werr)
	}
	err = errors.Join(err, w.Close())
	return &closing{bytes.NewReader(out.Bytes()[:out.Len()-c.cut]), c}, dockerapi.PathStat{}, err
}

type closing struct {
	io.Reader
	c *fakeContainer
}

func (r *closing) Close() error {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.open--
	return nil
}

// build is a container after a build, with a bit of everything.
func build(t testing.TB) *fakeContainer {
	c := &fakeContainer{nodes: []node{
		{at: "/", kind: tar.TypeDir},
		{at: "/out", kind: tar.TypeDir},
		{at: "/out/app.log", content: strings.Repeat("line\n", 1000)},
		{at: "/out/big.bin", content: strings.Repeat("big!", smallFile/4+1)},
		{at: "/out/latest", kind: tar.TypeSymlink, target: "/out/app.log"},
		{at: "/out/pipe", kind: tar.TypeFifo},
		{at: "/out/sub", kind: tar.TypeDir},
		{at: "/out/sub/a b%.txt", content: "a"},
		{at: "/out/sub/same.log", kind: tar.TypeLink, target: "/out/app.log"},
		{at: "/link", kind: tar.TypeSymlink, target: "/out"},
		{at: "/dangling", kind: tar.TypeSymlink, target: "/nowhere"},
		{at: "/empty", kind: tar.TypeDir},
	}}
	t.Cleanup(func() {
		if c.open != 0 {
			t.Errorf("%d archives were not closed", c.open)
		}
	})
	return c
}
