package unpack

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzTar gives anything at all to Tar and then does with the result what an engine does: it unpacks it, following
// links. Nothing may come to lie outside, or be too much.
func FuzzTar(f *testing.F) {
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
	}
	ball := tarOf(f, content("a/b", 0o644, "text"), link("a/c", "../d"), link("e", "a"), tar.Header{Typeflag: tar.TypeLink, Name: "f", Linkname: "a/b"})
	f.Add(ball)
	f.Add(gzipped(f, ball))
	f.Add(zstandard(f, ball))
	f.Add(zipOf(f, zipped{name: "a/b", content: "text"}, zipped{name: "l", mode: fs.ModeSymlink, content: "a/b"}))
	f.Add(tarOf(f, link("l", ".."), content("l/x", 0o644, "out")))
	f.Add(tarOf(f, link("a/b/up", "../.."), link("out", "a/b/up/../x"), content("a/../../x", 0o644, "")))
	f.Add(sparse(f, 1<<40))

	f.Fuzz(func(t *testing.T, archive []byte) { unpackSafely(t, archive) })
}

// FuzzEntries makes well-formed archives of few names, so that they meet each other in every way.
func FuzzEntries(f *testing.F) {
	f.Add([]byte{2, 0x21, 0x33, 2, 0x14, 0x10, 0, 0x21, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		parts := []string{"a", "b", "c", "..", ".", "", "a/b", "/"}
		phrase := func(n byte) string {
			return parts[n&7] + "/" + parts[n>>3&7] + strings.Repeat("/"+parts[n>>5&7], int(n>>7))
		}
		var headers []tar.Header
		for ; len(program) >= 3; program = program[3:] {
			name, target := strings.TrimRight(phrase(program[1]), "/"), phrase(program[2])
			switch program[0] % 5 {
			case 0:
				headers = append(headers, content(name, 0o644, target))
			case 1:
				headers = append(headers, tar.Header{Typeflag: tar.TypeDir, Name: name})
			case 2:
				headers = append(headers, tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target})
			case 3:
				headers = append(headers, tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: strings.TrimLeft(target, "/")})
			case 4:
				headers = append(headers, tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target})
			}
		}
		unpackSafely(t, tarOf(t, headers...))
	})
}

// unpackSafely fails when an archive is neither unpacked nor refused, or when what comes out is not safe.
func unpackSafely(t *testing.T, archive []byte) {
	const maxBytes, maxFiles = 1 << 16, 20
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	summary, err := Tar(w, section(archive), Options{Dir: "in", MaxBytes: maxBytes, MaxFiles: maxFiles})
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("neither unpacked nor refused: %v", err)
	}
	if summary.Bytes > maxBytes || summary.Files > maxFiles {
		t.Fatalf("over the limits: %+v", summary)
	}
	if err != nil {
		return
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	unpackHere(t, root, &out)
	left, err := os.ReadDir(root)
	if err != nil || len(left) != 1 {
		t.Fatalf("there is something beside the directory: %v %v", left, err)
	}
}

// unpackHere unpacks into the directory "in" below root, and fails when a file or a link would lead out of that.
func unpackHere(t *testing.T, root string, tarball io.Reader) {
	in := filepath.Join(root, "in")
	var links []string
	for r := tar.NewReader(tarball); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Name != "in" && !strings.HasPrefix(h.Name, "in/") || h.Mode&^0o777 != 0 || h.Uid != 0 {
			t.Fatalf("bad entry %+v", h)
		}
		at := filepath.Join(root, h.Name)
		if real, err := filepath.EvalSymlinks(filepath.Dir(at)); err != nil || real != in && !strings.HasPrefix(real, in+"/") {
			t.Fatalf("%q lands in %q (%v)", h.Name, real, err)
		}
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(at, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, at)
			links = append(links, at)
		case tar.TypeLink:
			err = os.Link(filepath.Join(root, h.Linkname), at)
		case tar.TypeReg:
			var file *os.File
			if file, err = os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
				_, err = io.Copy(file, r)
				err = errors.Join(err, file.Close())
			}
		default:
			t.Fatalf("type %q", h.Typeflag)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range links { // now that everything is there
		if real, err := filepath.EvalSymlinks(at); err == nil && real != in && !strings.HasPrefix(real, in+"/") {
			t.Fatalf("link %q leads to %q", at, real)
		}
	}
}
