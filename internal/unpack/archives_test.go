package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// content is a plain file. Its content travels in Gname until tarOf writes it.
func content(name string, mode int64, text string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(text)), ModTime: noon, Gname: text}
}

func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		text := h.Gname
		h.Gname = ""
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sparse is a tar with one file that is nothing but a hole, in the way in which GNU tar writes it.
func sparse(t testing.TB, size int64) []byte {
	t.Helper()
	block := tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "hole", Mode: 0o644, ModTime: noon, Format: tar.FormatGNU})
	block[156] = tar.TypeGNUSparse
	number := func(at int, n int64) {
		block[at] = 0x80
		binary.BigEndian.PutUint64(block[at+4:], uint64(n))
	}
	number(386, size) // where the one piece begins
	number(398, 0)    // and how long it is
	number(483, size)
	copy(block[148:156], "        ")
	var sum int
	for _, b := range block[:512] {
		sum += int(b)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return block
}

type zipped struct {
	name    string
	mode    fs.FileMode
	content string
}

func zipOf(t testing.TB, files ...zipped) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: noon}
		if f.mode != 0 {
			h.SetMode(f.mode)
		}
		file, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if f.mode.IsDir() {
			continue
		}
		if _, err := io.WriteString(file, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, content []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// random is content that does not compress, the same every time.
func random(n int) []byte {
	source := rand.NewChaCha8([32]byte{})
	content := make([]byte, n)
	source.Read(content)
	return content
}

func section(content []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))
}

// unpacked is what comes out of an archive, a line for each entry.
func unpacked(archive []byte, opts Options) ([]string, Summary, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	summary, err := Tar(w, section(archive), opts)
	if err != nil {
		return nil, summary, err
	}
	if err := w.Close(); err != nil {
		return nil, summary, err
	}
	var lines []string
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			return lines, summary, nil
		}
		if err != nil {
			return nil, summary, err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, summary, err
		}
		switch h.Typeflag {
		case tar.TypeSymlink:
			lines = append(lines, fmt.Sprintf("l %o %s -> %s", h.Mode, h.Name, h.Linkname))
		case tar.TypeLink:
			lines = append(lines, fmt.Sprintf("h %o %s => %s", h.Mode, h.Name, h.Linkname))
		case tar.TypeDir:
			lines = append(lines, fmt.Sprintf("d %o %s %s", h.Mode, h.Name, text))
		default:
			lines = append(lines, fmt.Sprintf("f %o %s %s", h.Mode, h.Name, text))
		}
	}
}
