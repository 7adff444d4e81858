package artifact

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// Source reads files of a container, which need not run.
type Source interface {
	ContainerArchiveInfo(ctx context.Context, id, path string) (dockerapi.PathStat, error)
	ContainerArchive(ctx context.Context, id, path string) (io.ReadCloser, dockerapi.PathStat, error)
}

// ErrMissing says that there is nothing at a path, or that no file has a name that a pattern wants.
var ErrMissing = errors.New("there is none in the container")

// container is one whose files are kept.
type container struct {
	source Source
	id     string
}

// locate finds what is at a path, behind links, which stay inside the container whatever they point to.
func (c container) locate(ctx context.Context, at string) (string, dockerapi.PathStat, error) {
	at = path.Clean(at)
	stat, err := c.source.ContainerArchiveInfo(ctx, c.id, at)
	if err == nil && stat.Mode&fs.ModeSymlink != 0 {
		at = path.Join("/", stat.LinkTarget)
		stat, err = c.source.ContainerArchiveInfo(ctx, c.id, at)
	}
	switch {
	case dockerapi.IsNotFound(err):
		return "", stat, ErrMissing
	case err != nil:
		return "", stat, fmt.Errorf("look at %s in the container: %w", at, err)
	}
	return at, stat, nil
}

// object is a plain file as content that can be read again and again.
func (c container) object(at string, size int64) Object {
	return Object{Size: size, Type: typeOf(at), Open: func(ctx context.Context) (io.ReadCloser, error) {
		archive, _, err := c.source.ContainerArchive(ctx, c.id, at)
		if err != nil {
			return nil, fmt.Errorf("read %s in the container: %w", at, err)
		}
		t := tar.NewReader(archive)
		header, err := t.Next()
		if err == nil && header.Typeflag != tar.TypeReg {
			err = errors.New("it is no plain file any more")
		}
		if err != nil {
			archive.Close()
			return nil, fmt.Errorf("read %s in the container: %w", at, err)
		}
		return reader{t, archive}, nil
	}}
}

// found is something below a directory.
type found struct {
	name    string // from the directory on
	header  *tar.Header
	content io.Reader // of a plain file, until the next one
}

// walk visits all that is below a directory, in the engine's order: a directory before what is in it.
func (c container) walk(ctx context.Context, dir string, visit func(found) error) error {
	archive, _, err := c.source.ContainerArchive(ctx, c.id, path.Join(dir, "/")+"/.") // so that names begin with "./", wherever it is
	if dockerapi.IsNotFound(err) {
		return ErrMissing
	}
	if err != nil {
		return fmt.Errorf("read %s in the container: %w", dir, err)
	}
	defer archive.Close()
	whole := &ending{r: archive}
	for t := tar.NewReader(whole); ; {
		header, err := t.Next()
		if err == io.EOF && whole.ended {
			err = io.ErrUnexpectedEOF // a tar says where it ends
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read %s in the container: %w", dir, err)
		}
		name := path.Clean(header.Name)
		switch {
		case name == ".":
			continue
		case path.IsAbs(name), strings.HasPrefix(name, "../"), name == "..":
			return fmt.Errorf("read %s in the container: the engine speaks of %q, which is elsewhere", dir, header.Name)
		}
		if err := visit(found{name, header, t}); err != nil {
			return err
		}
	}
}

// ending notes the end of a stream apart from its last bytes, so that a tar that breaks off between two files can be
// told from one that has an end.
type ending struct {
	r     io.Reader
	err   error
	ended bool
}

func (e *ending) Read(p []byte) (int, error) {
	if e.err == nil {
		var n int
		if n, e.err = e.r.Read(p); n > 0 {
			return n, nil
		}
	}
	e.ended = e.err == io.EOF
	return 0, e.err
}

// unfit says why a file is left out, "" for one that is not.
func unfit(h *tar.Header) string {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeLink, tar.TypeDir:
		return ""
	case tar.TypeSymlink:
		return "a symbolic link"
	}
	return "a device, pipe or socket"
}
