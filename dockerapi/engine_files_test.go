//go:build integration

package dockerapi

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestEngineArchive(t *testing.T) {
	c := engine(t)
	id := container(t, c, ContainerConfig{Cmd: []string{"cat", "/tmp/in/greeting"}})
	in := tarOf(
		tar.Header{Name: "in/", Typeflag: tar.TypeDir, Mode: 0o755}, nil,
		tar.Header{Name: "in/greeting", Mode: 0o640}, []byte("hello\n"),
	)
	if err := c.PutContainerArchive(t.Context(), id, "/tmp", bytes.NewReader(in), PutArchiveOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := run(t, c, id); stdout != "hello\n" {
		t.Errorf("the container sees %q", stdout)
	}
	stat, err := c.ContainerArchiveInfo(t.Context(), id, "/tmp/in/greeting")
	if err != nil || stat.Name != "greeting" || stat.Size != 6 || !stat.Mode.IsRegular() || stat.Mode.Perm() != 0o640 || stat.ModTime.IsZero() {
		t.Errorf("state of the file: %+v, %v", stat, err)
	}
	dir, err := c.ContainerArchiveInfo(t.Context(), id, "/tmp/in")
	if err != nil || !dir.Mode.IsDir() {
		t.Errorf("state of the directory: %+v, %v", dir, err)
	}
	out, _, err := c.ContainerArchive(t.Context(), id, "/tmp/in/greeting")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r := tar.NewReader(out)
	header, err := r.Next()
	if err != nil || header.Name != "greeting" {
		t.Fatalf("first file: %+v, %v", header, err)
	}
	if content, err := io.ReadAll(r); err != nil || string(content) != "hello\n" {
		t.Errorf("content: %q, %v", content, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("after the file: %v", err)
	}
	if _, err := c.ContainerArchiveInfo(t.Context(), id, "/no/such/path"); !IsNotFound(err) {
		t.Errorf("state of what is not there: %v", err)
	}
	if _, _, err := c.ContainerArchive(t.Context(), id, "/no/such/path"); !IsNotFound(err) {
		t.Errorf("archive of what is not there: %v", err)
	}
	err = c.PutContainerArchive(t.Context(), id, "/no/such/path", bytes.NewReader(in), PutArchiveOptions{})
	if !IsNotFound(err) && !isPodman(t, c) { // podman makes the directory and says 200
		t.Errorf("put where nothing is: %v", err)
	}
}

// A reader that fails in the middle of an upload is what the caller hears about.
func TestEnginePutArchiveReportsReader(t *testing.T) {
	c := engine(t)
	id := container(t, c, ContainerConfig{Cmd: []string{"true"}})
	broken := errors.New("the source broke")
	in := tarOf(tar.Header{Name: "zeros", Mode: 0o644}, make([]byte, 1<<20))
	err := c.PutContainerArchive(t.Context(), id, "/tmp", io.MultiReader(bytes.NewReader(in[:1<<19]), failing{broken}), PutArchiveOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("put from a broken source: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
