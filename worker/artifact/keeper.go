package artifact

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/docker-worker/docker-worker/internal/scratch"
	"github.com/docker-worker/docker-worker/internal/transfer"
	"github.com/docker-worker/docker-worker/worker/task"
)

const (
	// maxKept bounds the files of one directory in a store: each is told by an event.
	maxKept = 10_000
	// smallFile is held in memory while it is sent, in bytes. A larger one of a directory is read from the engine once
	// more, so that it can be read again and again.
	smallFile = 1 << 20
)

// Keeper keeps artifacts. Its fields must not change once it is in use; many goroutines may use it.
type Keeper struct {
	Source  Source
	Store   Store            // for artifacts without a URL; nil: the host has none
	Client  *transfer.Client // for those that have one
	TempDir string
	MaxSize int64 // bytes of one artifact, all its files together
}

// Order says what is kept, and who is told.
type Order struct {
	task.Artifact

	Name      string
	Container string
	Prefix    string // of the keys in the store
	// Told hears of each file of a directory or a glob that went to the store. Skipped hears of what was left out.
	Told    func(Kept)
	Skipped func(path, why string)
}

// Kept is what became of an artifact, or of one file of it.
type Kept struct {
	Name        string
	Path        string // in the container
	Size        int64  // bytes, before they were compressed for the store
	SHA256      string // of these bytes; "" where it is more than one file
	Files       int    // of a directory or glob in the store
	ContentType string
	URL         string // without query
}

// Keep brings one artifact to where the task wants it, or into the store. The error is ErrMissing where there is none;
// it has nothing secret in it.
func (k *Keeper) Keep(ctx context.Context, o Order) (Kept, error) {
	kept := Kept{Name: o.Name, Path: o.Path}
	from := container{k.Source, o.Container}
	dir, wanted := o.Path, (func(string) bool)(nil)
	switch o.Type {
	case task.FileArtifact:
		return k.file(ctx, from, o, kept)
	case task.GlobArtifact:
		var pattern string
		dir, pattern = splitGlob(o.Path)
		wanted = func(name string) bool { return matches(pattern, name) }
	}
	dir, stat, err := from.locate(ctx, dir)
	switch {
	case err != nil:
		return kept, err
	case !stat.Mode.IsDir() && wanted != nil:
		return kept, ErrMissing
	case !stat.Mode.IsDir():
		return kept, errors.New("it is not a directory")
	case o.URL != "":
		return k.packed(ctx, &tarball{container: from, dir: dir, max: k.MaxSize, wanted: wanted, skipped: o.Skipped}, o, kept)
	case k.Store == nil:
		return kept, errNoStore
	}
	return k.tree(ctx, &tree{keeper: k, container: from, dir: dir, wanted: wanted, order: o}, kept)
}

var errNoStore = errors.New("it has no url, and this worker has no --artifact-store")

// file keeps one file.
func (k *Keeper) file(ctx context.Context, from container, o Order, kept Kept) (Kept, error) {
	at, stat, err := from.locate(ctx, o.Path)
	switch {
	case err != nil:
		return kept, err
	case stat.Mode.IsDir():
		return kept, errors.New("it is a directory, and the artifact's type is file")
	case !stat.Mode.IsRegular():
		return kept, errors.New("it is a device, pipe or socket")
	}
	object := from.object(at, stat.Size)
	object.Type = typeOf(o.Path)
	return k.send(ctx, object, o, o.Name, kept)
}

// send brings one object to its place.
func (k *Keeper) send(ctx context.Context, object Object, o Order, name string, kept Kept) (Kept, error) {
	if object.Size > k.MaxSize {
		return kept, tooLarge(k.MaxSize)
	}
	if o.ContentType != "" && name == o.Name {
		object.Type = o.ContentType
	}
	object, sum := measured(object)
	var err error
	switch {
	case o.URL != "":
		// A signature may be good for no type but one, or for none: only the task knows.
		kept.URL = transfer.Redact(o.URL)
		err = k.Client.Upload(ctx, transfer.Upload{URL: o.URL, Size: object.Size, ContentType: o.ContentType, Body: object.Open})
	case k.Store == nil:
		err = errNoStore
	default:
		kept.URL, err = k.Store.Put(ctx, path.Join(o.Prefix, name), object)
	}
	if err != nil {
		kept.URL = ""
		return kept, err
	}
	kept.Size, kept.SHA256, kept.ContentType = object.Size, sum(), object.Type
	return kept, nil
}

// packed keeps a directory as one tar.gz.
func (k *Keeper) packed(ctx context.Context, b *tarball, o Order, kept Kept) (Kept, error) {
	out, err := scratch.File(k.TempDir)
	if err != nil {
		return kept, err
	}
	defer out.Close()
	if err := b.write(ctx, out); err != nil {
		return kept, err
	}
	if b.wanted != nil && b.files == 0 {
		return kept, ErrMissing
	}
	object, err := fileObject(out, "application/gzip")
	if err != nil {
		return kept, err
	}
	return k.send(ctx, object, o, o.Name, kept)
}

// tree keeps the files below a directory as objects of their own.
type tree struct {
	keeper    *Keeper
	container container
	dir       string
	wanted    func(name string) bool // nil: all
	order     Order

	size  int64
	count int
	later []string // names of those that are fetched by themselves
}

func (k *Keeper) tree(ctx context.Context, t *tree, kept Kept) (Kept, error) {
	err := t.container.walk(ctx, t.dir, func(f found) error { return t.visit(ctx, f) })
	for i := 0; err == nil && i < len(t.later); i++ {
		err = t.fetch(ctx, t.later[i])
	}
	kept.Files, kept.Size = t.count, t.size
	if err == nil && t.count == 0 && t.wanted != nil {
		err = ErrMissing
	}
	return kept, err
}

func (t *tree) visit(ctx context.Context, f found) error {
	if f.header.Typeflag == tar.TypeDir || t.wanted != nil && !t.wanted(f.name) {
		return nil
	}
	if why := unfit(f.header); why != "" {
		t.order.Skipped(path.Join(t.dir, f.name), why)
		return nil
	}
	if f.header.Typeflag == tar.TypeLink || f.header.Size > smallFile {
		if t.later = append(t.later, f.name); len(t.later) > maxKept {
			return fmt.Errorf("it has more than %d files", maxKept)
		}
		return nil
	}
	content, err := io.ReadAll(f.content)
	if err != nil {
		return fmt.Errorf("read %s in the container: %w", path.Join(t.dir, f.name), err)
	}
	return t.send(ctx, f.name, Object{Size: int64(len(content)), Type: typeOf(f.name), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}})
}

func (t *tree) fetch(ctx context.Context, name string) error {
	at := path.Join(t.dir, name)
	stat, err := t.container.source.ContainerArchiveInfo(ctx, t.container.id, at)
	if err == nil && !stat.Mode.IsRegular() {
		err = errors.New("it is no plain file any more")
	}
	if err != nil {
		return fmt.Errorf("read %s in the container: %w", at, err)
	}
	return t.send(ctx, name, t.container.object(at, stat.Size))
}

func (t *tree) send(ctx context.Context, name string, object Object) error {
	if t.size += object.Size; t.size > t.keeper.MaxSize {
		return tooLarge(t.keeper.MaxSize)
	}
	if t.count++; t.count > maxKept {
		return fmt.Errorf("it has more than %d files", maxKept)
	}
	full := path.Join(t.order.Name, name)
	kept, err := t.keeper.send(ctx, object, t.order, full, Kept{Name: full, Path: path.Join(t.dir, name)})
	if err != nil {
		return fmt.Errorf("keep %s: %w", path.Join(t.dir, name), err)
	}
	t.order.Told(kept)
	return nil
}
