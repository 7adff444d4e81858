//go:build integration

package dockerapi

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// testImage is what the integration tests run: the host's static busybox with links for its commands. It is made and
// loaded by the tests, with the same id on every engine. The registry in its name keeps podman from adding one.
const testImage = "localhost/dockerapi-test:1"

// busybox is where Debian's busybox-static has it.
const busybox = "/usr/bin/busybox"

// ensureImage loads the test's image unless it is there.
func ensureImage(t testing.TB, c *Client) {
	t.Helper()
	if _, err := c.ImageInspect(t.Context(), testImage); err == nil {
		return
	} else if !IsNotFound(err) {
		t.Fatal(err)
	}
	refs, err := c.ImageLoad(t.Context(), bytes.NewReader(imageTar(t, testImage)), LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(refs) != 1 || refs[0] != testImage {
		t.Fatalf("loaded %q, want %s", refs, testImage)
	}
}

// imageTar is an image as `docker save` writes it, the same bytes each time.
func imageTar(t testing.TB, name string) []byte {
	t.Helper()
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatalf("the tests' image is made of the host's busybox-static: %v", err)
	}
	layer := tarOf(t,
		tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil,
		tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil,
		tar.Header{Name: "bin/busybox", Mode: 0o755}, program,
		tar.Header{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil,
		tar.Header{Name: "bin/cat", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil,
		tar.Header{Name: "bin/dd", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil,
		tar.Header{Name: "bin/sleep", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil,
		tar.Header{Name: "bin/true", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil,
	)
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64",
		"os":           "linux",
		"created":      "2024-01-01T00:00:00Z",
		"config":       map[string]any{"Cmd": []string{"sh"}, "Env": []string{"PATH=/bin"}, "Labels": map[string]string{"dockerapi.test": "1"}},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
		"history":      []any{map[string]any{"created": "2024-01-01T00:00:00Z", "created_by": "dockerapi test"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	return tarOf(t,
		tar.Header{Name: "config.json", Mode: 0o644}, config,
		tar.Header{Name: "layer.tar", Mode: 0o644}, layer,
		tar.Header{Name: "manifest.json", Mode: 0o644}, manifest,
	)
}

// tarOf makes a tar of pairs: a tar.Header and its []byte or nil.
func tarOf(t testing.TB, pairs ...any) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(pairs); i += 2 {
		header := pairs[i].(tar.Header)
		content, _ := pairs[i+1].([]byte)
		header.Size = int64(len(content))
		header.ModTime = time.Unix(1_700_000_000, 0)
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestEngineLoadsListsAndRemovesImage(t *testing.T) {
	c := engine(t)
	const name = "localhost/dockerapi-test:second"
	if _, err := c.ImageLoad(t.Context(), bytes.NewReader(imageTar(t, name)), LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	list, err := c.ImageList(t.Context(), ImageListOptions{Filters: Filters{"reference": {name}}})
	if err != nil || len(list) != 1 {
		t.Fatalf("list: %v, %v, want one image", list, err)
	}
	for range 2 {
		if _, err := c.ImageRemove(t.Context(), name, ImageRemoveOptions{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.ImageInspect(t.Context(), name); !IsNotFound(err) {
		t.Errorf("inspect a removed image: %v", err)
	}
}

func TestEngineRefusesGarbageLoad(t *testing.T) {
	c := engine(t)
	refs, err := c.ImageLoad(t.Context(), io.LimitReader(zeros{}, 100_000), LoadOptions{})
	if err == nil && len(refs) > 0 {
		t.Errorf("zeros were loaded as %q", refs)
	}
	if _, err := c.ImageLoad(t.Context(), bytes.NewReader([]byte("this is no tar, whatever else it is")), LoadOptions{}); err == nil {
		t.Error("garbage was loaded")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
