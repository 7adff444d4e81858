package unpack

import (
	"archive/tar"
	"fmt"
	"io"
)

// readTar gives the entries of a tar to add.
func readTar(r io.Reader, opts Options, add func(entry) error) error {
	// Headers alone could go on for ever: what comes out of the compression is bounded as a whole.
	whole := &io.LimitedReader{R: r, N: opts.MaxBytes + int64(opts.MaxFiles)*2048 + maxNames}
	t := tar.NewReader(whole)
	for count := 0; ; count++ {
		header, err := t.Next()
		switch {
		case err == io.EOF:
			return nil
		case whole.N <= 0 || count > opts.MaxFiles:
			return &Error{"", "is too large to be read"}
		case err != nil:
			return blame("", err)
		}
		e := entry{name: header.Name, mode: header.Mode, modified: header.ModTime, target: header.Linkname}
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
			e.kind, e.size, e.content = file, header.Size, t
		case tar.TypeDir:
			e.kind = directory
		case tar.TypeSymlink:
			e.kind = symlink
		case tar.TypeLink:
			e.kind = hardlink
		case tar.TypeXGlobalHeader:
			continue // a comment, as git archive writes one
		case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
			return &Error{header.Name, "is a device or a pipe"}
		default:
			return &Error{header.Name, fmt.Sprintf("is of a type that is not known here (%q)", header.Typeflag)}
		}
		if err := add(e); err != nil {
			return err
		}
	}
}
