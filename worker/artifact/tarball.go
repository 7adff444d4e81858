package artifact

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"path"
	"time"
)

// maxPacked bounds the files in one tar.gz.
const maxPacked = 200_000

// tarball packs what is below a directory, as far as it is wanted, as one tar.gz in out. It is an error of the artifact
// when that is more than max bytes, or nothing.
type tarball struct {
	container container
	dir       string
	max       int64
	wanted    func(name string) bool // nil: everything, with directories
	skipped   func(path, why string)

	packed map[string]bool // plain files
	files  int             // and directories
	left   int64
}

func (b *tarball) write(ctx context.Context, out io.Writer) error {
	b.packed, b.left = map[string]bool{}, b.max
	compressed := gzip.NewWriter(out)
	w := tar.NewWriter(compressed)
	err := b.container.walk(ctx, b.dir, func(f found) error { return b.add(ctx, w, f) })
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write a tar.gz: %w", err)
	}
	if err := compressed.Close(); err != nil {
		return fmt.Errorf("write a tar.gz: %w", err)
	}
	return nil
}

func (b *tarball) add(ctx context.Context, w *tar.Writer, f found) error {
	isDir := f.header.Typeflag == tar.TypeDir
	if b.wanted != nil && (isDir || !b.wanted(f.name)) {
		return nil
	}
	if why := unfit(f.header); why != "" {
		b.skipped(path.Join(b.dir, f.name), why)
		return nil
	}
	if b.files++; b.files > maxPacked {
		return fmt.Errorf("it has more than %d files", maxPacked)
	}
	header := &tar.Header{Typeflag: f.header.Typeflag, Name: f.name, Mode: f.header.Mode & 0o777, ModTime: f.header.ModTime.Truncate(time.Second)}
	content := f.content
	switch {
	case isDir:
		header.Name += "/"
	case f.header.Typeflag == tar.TypeReg:
		header.Size = f.header.Size
	case b.packed[path.Clean(f.header.Linkname)]:
		header.Linkname = path.Clean(f.header.Linkname)
	default:
		// The engine names a file's second name as a link to its first, which is not among those that are wanted.
		at, stat, err := b.container.locate(ctx, path.Join(b.dir, f.name))
		if err != nil {
			return err
		}
		alone, err := b.container.object(at, stat.Size).Open(ctx)
		if err != nil {
			return err
		}
		defer alone.Close()
		header.Typeflag, header.Size, content = tar.TypeReg, stat.Size, alone
	}
	if b.left -= header.Size; b.left < 0 {
		return tooLarge(b.max)
	}
	if err := w.WriteHeader(header); err != nil {
		return fmt.Errorf("write a tar.gz: %w", err)
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	b.packed[f.name] = true
	if _, err := io.Copy(w, content); err != nil {
		return fmt.Errorf("pack %s: %w", path.Join(b.dir, f.name), err)
	}
	return nil
}

func tooLarge(max int64) error {
	return fmt.Errorf("it is larger than the %d bytes that this worker keeps (its --max-artifact-size)", max)
}
