package dockerapi

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

// imageTar is an image as `docker save` writes it, the same bytes each time: a static busybox with links for its
// commands, or, without one, a file.
func imageTar(name string, busybox []byte) []byte {
	entries := []any{tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil, tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil}
	if busybox == nil {
		entries = append(entries, tar.Header{Name: "tmp/file", Mode: 0o644}, []byte(name))
	} else {
		entries = append(entries, tar.Header{Name: "bin/busybox", Mode: 0o755}, busybox)
		for _, command := range []string{"sh", "cat", "dd", "sleep", "true"} {
			entries = append(entries, tar.Header{Name: "bin/" + command, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil)
		}
	}
	layer := tarOf(entries...)
	config := encoded(map[string]any{
		"architecture": "amd64",
		"os":           "linux",
		"created":      "2024-01-01T00:00:00Z",
		"config":       map[string]any{"Cmd": []string{"sh"}, "Env": []string{"PATH=/bin"}, "Labels": map[string]string{"dockerapi.test": "1"}},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
		"history":      []any{map[string]any{"created": "2024-01-01T00:00:00Z", "created_by": "dockerapi test"}},
	})
	manifest := encoded([]map[string]any{{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	return tarOf(
		tar.Header{Name: "config.json", Mode: 0o644}, config,
		tar.Header{Name: "layer.tar", Mode: 0o644}, layer,
		tar.Header{Name: "manifest.json", Mode: 0o644}, manifest,
	)
}

// encoded is JSON of what always encodes.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// tarOf makes a tar of pairs, a tar.Header and its []byte or nil, and panics when they are not.
func tarOf(pairs ...any) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(pairs); i += 2 {
		header := pairs[i].(tar.Header)
		content, _ := pairs[i+1].([]byte)
		header.Size = int64(len(content))
		header.ModTime = time.Unix(1_700_000_000, 0)
		if err := w.WriteHeader(&header); err != nil {
			panic(err)
		}
		if _, err := w.Write(content); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}
