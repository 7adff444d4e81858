//go:build integration

package dockerapi

import (
	"bytes"
	"io"
	"os"
	"testing"
)

// testImage is what the integration tests run: the host's static busybox with links for its commands. It is made and
// loaded by the tests, with the same id on every engine. The registry in its name keeps podman from adding one.
const testImage = recordedImage

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
	refs, err := c.ImageLoad(t.Context(), bytes.NewReader(busyboxImage(t, testImage)), LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(refs) != 1 || refs[0] != testImage {
		t.Fatalf("loaded %q, want %s", refs, testImage)
	}
}

// busyboxImage is the test's image under a name.
func busyboxImage(t testing.TB, name string) []byte {
	t.Helper()
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatalf("the tests' image is made of the host's busybox-static: %v", err)
	}
	return imageTar(name, program)
}

func TestEngineLoadsListsAndRemovesImage(t *testing.T) {
	c := engine(t)
	const name = "localhost/dockerapi-test:second"
	if _, err := c.ImageLoad(t.Context(), bytes.NewReader(busyboxImage(t, name)), LoadOptions{}); err != nil {
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
