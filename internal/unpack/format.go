package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is how far back a tar.zst may refer, which is memory that reading it takes. It is what every reader of the
// format has to have; levels up to 19 stay below.
const maxWindow = 8 << 20

// read finds out by its first bytes what an archive is, and gives its entries to add in their order.
func read(archive *io.SectionReader, opts Options, add func(entry) error) error {
	magic := make([]byte, 512)
	n, err := archive.ReadAt(magic, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the archive: %w", err)
	}
	magic = magic[:n]
	switch {
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")), bytes.HasPrefix(magic, []byte("PK\x05\x06")):
		return readZip(archive, add)
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		r, err := gzip.NewReader(archive)
		if err != nil {
			return blame("", err)
		}
		return readTar(r, opts, add)
	case isZstd(magic):
		// One goroutine, ours; it reads no further than it has to.
		r, err := zstd.NewReader(archive, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return blame("", err)
		}
		defer r.Close()
		return readTar(r, opts, add)
	case isTar(magic):
		return readTar(archive, opts, add)
	}
	return &Error{"", "is not a tar, tar.gz, tar.zst or zip"}
}

// isTar tells whether a block begins a tar, by its checksum: the oldest tars have no other mark. A block of zeros is the
// end of an empty one.
func isTar(block []byte) bool {
	if len(block) < 512 {
		return false
	}
	_, err := tar.NewReader(bytes.NewReader(block)).Next()
	return !errors.Is(err, tar.ErrHeader) // another error says, for one, that a long name does not fit into the block
}

// isZstd tells whether a frame of zstd begins here, or one that it is to skip.
func isZstd(magic []byte) bool {
	return bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")) ||
		len(magic) > 4 && magic[0]&0xf0 == 0x50 && bytes.HasPrefix(magic[1:], []byte("\x2a\x4d\x18"))
}

// blame says that an archive cannot be read: its own fault, unless it is the file's that it is in.
func blame(entry string, err error) error {
	var file *fs.PathError
	var known *Error
	switch {
	case errors.As(err, &file):
		return fmt.Errorf("read the archive: %w", err)
	case errors.As(err, &known):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &Error{entry, fmt.Sprintf("needs a window of more than %d MiB to be read", maxWindow>>20)}
	case errors.Is(err, zip.ErrAlgorithm):
		return &Error{entry, "is compressed in a way that is not known here"}
	}
	return &Error{entry, "cannot be read: " + err.Error()}
}
