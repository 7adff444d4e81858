package artifact

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func text(s string) Object {
	return Object{Size: int64(len(s)), Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }}
}

func TestDirStore(t *testing.T) {
	dir := t.TempDir()
	store, err := NewStore(dir, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"one", "another"} {
		url, err := store.Put(t.Context(), "t1/1/sub/a b.txt", text(content))
		if err != nil || url != "file://"+dir+"/t1/1/sub/a%20b.txt" {
			t.Errorf("got %q, %v", url, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "t1/1/sub/a b.txt")); err != nil || string(got) != content {
			t.Errorf("the file has %q, %v", got, err)
		}
	}
	// What is not whole is not there, and leaves nothing.
	broken := text("short")
	broken.Size = 6
	failing := Object{Open: func(context.Context) (io.ReadCloser, error) { return nil, errors.New("gone") }}
	for _, o := range []Object{broken, failing} {
		if _, err := store.Put(t.Context(), "t1/2/x", o); err == nil {
			t.Error("it was kept")
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, "t1/2")); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestDirStoreStaysInside: whatever is in the directory, nothing is written elsewhere.
func TestDirStoreStaysInside(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "t1")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "victim"), []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "victim"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	store := dirStore(dir)
	for _, key := range []string{"t1/1/x", "../x", "a/../../x"} {
		if url, err := store.Put(t.Context(), key, text("out")); err == nil {
			t.Errorf("%s was kept at %s", key, url)
		}
	}
	// A link at the key itself is replaced, not followed.
	if _, err := store.Put(t.Context(), "link", text("in")); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(filepath.Join(outside, "victim")); err != nil || string(got) != "whole" {
		t.Errorf("the file outside has %q, %v", got, err)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 1 {
		t.Errorf("outside are %v, %v", left, err)
	}
}

func TestNewStore(t *testing.T) {
	for _, address := range []string{"relative/dir", "/not/there", "ftp://host/x", "http://", "s3://bucket"} {
		if store, err := NewStore(address, nil, ""); err == nil {
			t.Errorf("NewStore(%q) = %v", address, store)
		}
	}
}

// TestCanceled: a source that gives nothing more does not hold up a task that must end.
func TestCanceled(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, w := io.Pipe()
	defer w.Close()
	o := Object{Size: 10, Open: func(context.Context) (io.ReadCloser, error) { cancel(enough); return r, nil }}
	if _, err := dirStore(t.TempDir()).Put(ctx, "x", o); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}
