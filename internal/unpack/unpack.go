package unpack

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"time"
)

// Options say where the content of an archive goes, and how much of it may come.
type Options struct {
	Dir      string // path in the tar that is written, below which everything goes; "" is its root. It is not made
	UID, GID int    // owner of everything
	MaxBytes int64  // of all files together, unpacked; 0 is DefaultMaxBytes
	MaxFiles int    // files, directories and links; 0 is DefaultMaxFiles
}

// Limits of an archive for which the caller has none.
const (
	DefaultMaxBytes = 10 << 30
	DefaultMaxFiles = 200_000
)

// Summary is what came out of an archive.
type Summary struct {
	Files int   // files, directories and links
	Bytes int64 // of all files together
}

// Error is an archive that is refused, for what it is or for what is in it. Nobody else is at fault, and another try
// gives the same.
type Error struct {
	Entry   string // name in the archive; "" where it is the archive as a whole
	Problem string // continues a sentence that begins with the entry
}

func (e *Error) Error() string {
	if e.Entry == "" {
		return "the archive " + e.Problem
	}
	return fmt.Sprintf("archive entry %q %s", bounded(e.Entry), e.Problem)
}

// Tar writes what is in the archive to w, in the archive's order, with the directories that it leaves out. It does not
// close w. The error is an [*Error] where the archive is at fault, and another one where reading the archive or writing
// to w failed; w has then got a part, and must not be used any more.
func Tar(w *tar.Writer, archive *io.SectionReader, opts Options) (Summary, error) {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = DefaultMaxBytes
	}
	if opts.MaxFiles == 0 {
		opts.MaxFiles = DefaultMaxFiles
	}
	u := &unpacker{w: w, opts: opts, tree: newTree(opts.MaxFiles)}
	err := read(archive, opts, u.add)
	return u.summary(), err
}

// entry is one thing in an archive, of whatever format.
type entry struct {
	name     string
	kind     kind
	mode     int64 // permissions and special bits, as in a tar
	modified time.Time
	target   string    // of a link
	size     int64     // of a file, by the archive's word
	content  io.Reader // of a file; its errors are the archive's fault
}

type unpacker struct {
	w     *tar.Writer
	opts  Options
	tree  *tree
	bytes int64
}

func (u *unpacker) summary() Summary { return Summary{Files: len(u.tree.nodes), Bytes: u.bytes} }

// add writes one entry, after the directories above it.
func (u *unpacker) add(e entry) error {
	name, err := cleanName(e.name)
	if err != nil {
		return err
	}
	if name == "." {
		if e.kind != directory {
			return &Error{e.name, "has no name"}
		}
		return nil // the directory itself is the caller's
	}
	if len(u.opts.Dir)+1+len(name) > maxPath {
		return &Error{e.name, "has a name that is too long"}
	}
	missing, err := u.tree.insert(name, e)
	if err != nil {
		return err
	}
	for _, dir := range missing {
		if err := u.write(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: sane(e.modified)}); err != nil {
			return err
		}
	}
	header := &tar.Header{Name: name, Mode: e.mode & 0o777, ModTime: sane(e.modified)}
	switch e.kind {
	case directory:
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
	case symlink:
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.target
	case hardlink:
		header.Typeflag, header.Linkname = tar.TypeLink, path.Join(u.opts.Dir, path.Clean(e.target))
	case file:
		header.Typeflag, header.Size = tar.TypeReg, e.size
		if e.size < 0 || e.size > u.opts.MaxBytes-u.bytes {
			return &Error{e.name, fmt.Sprintf("is too large: %d bytes are the most for all files together", u.opts.MaxBytes)}
		}
	}
	if err := u.write(header); err != nil {
		return err
	}
	if e.kind == file {
		return u.copy(e)
	}
	return nil
}

func (u *unpacker) write(header *tar.Header) error {
	header.Name = joinSlash(u.opts.Dir, header.Name)
	header.Uid, header.Gid = u.opts.UID, u.opts.GID
	if err := u.w.WriteHeader(header); err != nil {
		return fmt.Errorf("write the unpacked archive: %w", err)
	}
	return nil
}

// copy writes the content of a file, which has to be as long as the archive has said.
func (u *unpacker) copy(e entry) error {
	content := &blamed{r: e.content, entry: e.name}
	n, err := io.Copy(u.w, io.LimitReader(content, e.size))
	u.bytes += n
	switch {
	case content.err != nil:
		return content.err
	case err != nil:
		return fmt.Errorf("write the unpacked archive: %w", err)
	case n < e.size:
		return &Error{e.name, "is shorter than the archive says"}
	}
	// A checksum is looked at when the end is read.
	if n, _ := io.CopyN(io.Discard, content, 1); n > 0 {
		return &Error{e.name, "is longer than the archive says"}
	}
	return content.err
}

// blamed makes the errors of a reader the archive's.
type blamed struct {
	r     io.Reader
	entry string
	err   error
}

func (b *blamed) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = blame(b.entry, err)
	}
	return n, err
}

// sane leaves out times that a tar cannot say in its oldest form, which every engine reads.
func sane(t time.Time) time.Time {
	if t.Unix() < 0 || t.Unix() >= 1<<33 {
		return time.Time{}
	}
	return t.Truncate(time.Second)
}

// joinSlash puts a name below a directory and keeps the slash at its end.
func joinSlash(dir, name string) string {
	if dir = path.Clean("/" + dir)[1:]; dir == "" {
		return name
	}
	return dir + "/" + name
}

// bounded shortens a name for a message.
func bounded(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
