package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"
	"sync"
)

// Object is content that can be read from its beginning as often as is needed.
type Object struct {
	Size int64  // bytes
	Type string // content type; "" is not known
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// measured has the sha256 of an object computed while it is read, anew each time. sum is that of the last reading, in
// hexadecimal; that one must have come to its end.
func measured(o Object) (same Object, sum func() string) {
	var mu sync.Mutex
	var last hash.Hash
	open := o.Open
	o.Open = func(ctx context.Context) (io.ReadCloser, error) {
		content, err := open(ctx)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		last = sha256.New()
		return reader{io.TeeReader(content, last), content}, nil
	}
	return o, func() string {
		mu.Lock()
		defer mu.Unlock()
		return hex.EncodeToString(last.Sum(nil))
	}
}

// fileObject is what was written to a file so far.
func fileObject(file *os.File, contentType string) (Object, error) {
	size, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return Object{}, fmt.Errorf("measure a temporary file: %w", err)
	}
	return Object{Size: size, Type: contentType, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(file, 0, size)), nil
	}}, nil
}

// reader reads one thing and closes another.
type reader struct {
	io.Reader
	io.Closer
}

// types are those that a name tells; the list does not depend on the host.
var types = map[string]string{
	".txt": "text/plain", ".log": "text/plain", ".md": "text/markdown", ".html": "text/html", ".htm": "text/html",
	".css": "text/css", ".csv": "text/csv", ".js": "text/javascript", ".json": "application/json", ".xml": "application/xml",
	".yaml": "application/yaml", ".yml": "application/yaml", ".svg": "image/svg+xml", ".png": "image/png",
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".pdf": "application/pdf",
	".wasm": "application/wasm", ".zip": "application/zip", ".tar": "application/x-tar", ".gz": "application/gzip",
	".tgz": "application/gzip", ".zst": "application/zstd", ".xz": "application/x-xz", ".mp4": "video/mp4", ".webm": "video/webm",
}

// typeOf guesses a content type from a name.
func typeOf(name string) string {
	if t, ok := types[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return "application/octet-stream"
}

// compressible tells whether content of a type is text, of one kind or another.
func compressible(contentType string) bool {
	base, _, _ := strings.Cut(contentType, ";")
	switch base = strings.ToLower(strings.TrimSpace(base)); base {
	case "application/json", "application/xml", "application/yaml", "application/javascript":
		return true
	}
	return strings.HasPrefix(base, "text/") || strings.HasSuffix(base, "+json") || strings.HasSuffix(base, "+xml")
}
