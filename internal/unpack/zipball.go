package unpack

import (
	"archive/zip"
	"io"
	"io/fs"
	"strings"
)

// maxList bounds a zip's list of its files, which is read into memory as a whole: some 150,000 of them.
const maxList = 16 << 20

// Systems on which files have permissions, as a zip names the one it was made on.
const (
	creatorUnix  = 3
	creatorMacOS = 19
)

// readZip gives the entries of a zip to add.
func readZip(archive *io.SectionReader, add func(entry) error) error {
	source := &listReader{r: archive, left: maxList}
	z, err := zip.NewReader(source, archive.Size())
	if err != nil {
		return blame("", err)
	}
	source.listed = true
	for _, f := range z.File {
		if err := readZipped(f, add); err != nil {
			return err
		}
	}
	return nil
}

func readZipped(f *zip.File, add func(entry) error) error {
	mode := f.Mode()
	e := entry{name: f.Name, kind: file, mode: int64(mode.Perm()), modified: f.Modified}
	switch {
	case f.Flags&1 != 0:
		return &Error{f.Name, "is encrypted"}
	case strings.Contains(f.Name, `\`):
		return &Error{f.Name, `has a \ in its name`}
	case mode.IsDir():
		e.kind = directory
	case mode&fs.ModeSymlink != 0:
		e.kind = symlink
	case !mode.IsRegular():
		return &Error{f.Name, "is a device or a pipe"}
	}
	if made := f.CreatorVersion >> 8; made != creatorUnix && made != creatorMacOS || e.mode == 0 {
		e.mode = map[kind]int64{directory: 0o755, file: 0o644, symlink: 0o777}[e.kind] // there are no permissions
	}
	if e.kind == directory {
		return add(e)
	}
	content, err := f.Open()
	if err != nil {
		return blame(f.Name, err)
	}
	defer content.Close()
	if e.kind == symlink {
		target, err := io.ReadAll(io.LimitReader(content, maxPath+1))
		if err != nil {
			return blame(f.Name, err)
		}
		e.target = string(target)
		return add(e)
	}
	if f.UncompressedSize64 > 1<<62 {
		return &Error{f.Name, "is too large"}
	}
	e.size, e.content = int64(f.UncompressedSize64), content
	return add(e)
}

// listReader bounds what is read of a file until its list is there.
type listReader struct {
	r      io.ReaderAt
	left   int
	listed bool
}

func (l *listReader) ReadAt(p []byte, off int64) (int, error) {
	if !l.listed {
		if l.left -= len(p); l.left < 0 {
			return 0, &Error{"", "has too many entries to be read"}
		}
	}
	return l.r.ReadAt(p, off)
}
