package artifact

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker-worker/docker-worker/internal/scratch"
	"github.com/docker-worker/docker-worker/internal/transfer"
)

// Store is the operator's place for artifacts.
type Store interface {
	// Put keeps an object under a key, whose parts are separated by slashes, in place of what may be there. It is there
	// as a whole, or not at all. url says where, with nothing in it that is secret.
	Put(ctx context.Context, key string, o Object) (url string, err error)
}

// NewStore makes the store at an address: http:// or https://, to which objects are PUT, or the absolute path of a
// directory. client takes what goes out; temporary files are made in tempDir.
func NewStore(address string, client *transfer.Client, tempDir string) (Store, error) {
	if filepath.IsAbs(address) {
		if info, err := os.Stat(address); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("the artifact store %s is not a directory that is there", address)
		}
		return dirStore(filepath.Clean(address)), nil
	}
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("an artifact store is an http or https address, or an absolute path")
	}
	return httpStore{base: base, client: client, tempDir: tempDir}, nil
}

// httpStore puts each object to its key below an address. Text goes compressed.
type httpStore struct {
	base    *url.URL
	client  *transfer.Client
	tempDir string
}

// worthwhile is the size in bytes from which on text is compressed.
const worthwhile = 1 << 10

func (s httpStore) Put(ctx context.Context, key string, o Object) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(key, "/") {
		parts = append(parts, url.PathEscape(part))
	}
	to := s.base.JoinPath(parts...).String()
	upload := transfer.Upload{URL: to, Size: o.Size, ContentType: o.Type, Body: o.Open}
	if compressible(o.Type) && o.Size >= worthwhile {
		small, err := s.compress(ctx, o)
		if err != nil {
			return "", err
		}
		defer small.Close()
		packed, err := fileObject(small, o.Type)
		if err != nil {
			return "", err
		}
		upload.Size, upload.Body, upload.ContentEncoding = packed.Size, packed.Open, "gzip"
	}
	return transfer.Redact(to), s.client.Upload(ctx, upload)
}

func (s httpStore) compress(ctx context.Context, o Object) (*os.File, error) {
	out, err := scratch.File(s.tempDir)
	if err != nil {
		return nil, err
	}
	w := gzip.NewWriter(out)
	err = copyWhole(ctx, w, o)
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("compress: %w", err)
	}
	return out, nil
}

// dirStore is a directory of the host. Whatever links somebody may have put there, nothing is written outside of it.
type dirStore string

func (s dirStore) Put(ctx context.Context, key string, o Object) (string, error) {
	root, err := os.OpenRoot(string(s))
	if err != nil {
		return "", fmt.Errorf("open the artifact store: %w", err)
	}
	defer root.Close()
	if err := root.MkdirAll(path.Dir(key), 0o755); err != nil {
		return "", fmt.Errorf("make a directory in the artifact store: %w", err)
	}
	partial := path.Join(path.Dir(key), ".partial-"+rand.Text()) // beside it, so that the rename stays on one file system
	file, err := root.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", fmt.Errorf("write to the artifact store: %w", err)
	}
	err = copyWhole(ctx, file, o)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = root.Rename(partial, key)
	}
	if err != nil {
		_ = root.Remove(partial)
		return "", fmt.Errorf("write to the artifact store: %w", err)
	}
	return (&url.URL{Scheme: "file", Path: path.Join(string(s), key)}).String(), nil
}

// copyWhole copies an object, and fails when it is not as large as it says.
func copyWhole(ctx context.Context, w io.Writer, o Object) error {
	content, err := o.Open(ctx)
	if err != nil {
		return err
	}
	defer content.Close()
	stop := context.AfterFunc(ctx, func() { content.Close() })
	defer stop()
	n, err := io.Copy(w, content)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case n != o.Size:
		return fmt.Errorf("there are %d bytes, not %d", n, o.Size)
	}
	return nil
}
