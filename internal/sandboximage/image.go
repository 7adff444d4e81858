// Package sandboximage makes the image that sandboxes run from: nothing but this program, as an archive that an engine
// loads. No registry has it, and none is asked.
package sandboximage

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// Repository is the name of all such images; the tag is a function of what is in them.
const Repository = "docker-worker/sandbox"

// program is where the program is in the image.
const program = "docker-worker"

// environment keeps the process small: it does next to nothing, for weeks.
var environment = []string{"GOMAXPROCS=1", "GOGC=20", "GOMEMLIMIT=8MiB"}

// Image is an image that can be written. The same program makes the same image.
type Image struct {
	Reference string // docker-worker/sandbox:<12 hexadecimal digits of its content>

	file   string // the program
	size   int64  // bytes of its layer, which is an archive in the archive
	layer  string // SHA-256 of it
	config []byte
	id     string // SHA-256 of config
}

// Of makes an image of a program: a static one, for the engine's processor. The file is read now, and again by WriteTo.
func Of(file string) (*Image, error) {
	i := &Image{file: file}
	sum := sha256.New()
	var err error
	if i.size, err = writeLayer(sum, file); err != nil {
		return nil, err
	}
	i.layer = hex.EncodeToString(sum.Sum(nil))
	i.config = encode(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"created":      time.Unix(0, 0).UTC(),
		"config":       map[string]any{"Entrypoint": []string{"/" + program, "sandbox"}, "Env": environment, "WorkingDir": "/"},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + i.layer}},
	})
	id := sha256.Sum256(i.config)
	i.id = hex.EncodeToString(id[:])
	i.Reference = Repository + ":" + i.id[:12]
	return i, nil
}

// WriteTo writes the image as `docker save` does.
func (i *Image) WriteTo(w io.Writer) (int64, error) {
	manifest := encode([]map[string]any{{
		"Config": i.id + ".json", "RepoTags": []string{i.Reference}, "Layers": []string{i.layer + ".tar"},
	}})
	written := &counter{w: w}
	archive := tar.NewWriter(written)
	for _, text := range []struct {
		name string
		data []byte
	}{{"manifest.json", manifest}, {i.id + ".json", i.config}} {
		if err := archive.WriteHeader(entry(text.name, int64(len(text.data)), 0o644)); err != nil {
			return written.n, fmt.Errorf("write the sandbox's image: %w", err)
		}
		if _, err := archive.Write(text.data); err != nil {
			return written.n, fmt.Errorf("write the sandbox's image: %w", err)
		}
	}
	if err := archive.WriteHeader(entry(i.layer+".tar", i.size, 0o644)); err != nil {
		return written.n, fmt.Errorf("write the sandbox's image: %w", err)
	}
	if _, err := writeLayer(archive, i.file); err != nil {
		return written.n, err
	}
	if err := archive.Close(); err != nil {
		return written.n, fmt.Errorf("write the sandbox's image: %w", err)
	}
	return written.n, nil
}

// writeLayer writes the image's file system: one file, of root. It returns its size.
func writeLayer(w io.Writer, name string) (int64, error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, fmt.Errorf("open the program for the sandbox's image: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("measure the program for the sandbox's image: %w", err)
	}
	written := &counter{w: w}
	layer := tar.NewWriter(written)
	if err := layer.WriteHeader(entry(program, info.Size(), 0o755)); err != nil {
		return written.n, fmt.Errorf("write the sandbox's program: %w", err)
	}
	if _, err := io.Copy(layer, file); err != nil {
		return written.n, fmt.Errorf("write the sandbox's program: %w", err)
	}
	if err := layer.Close(); err != nil {
		return written.n, fmt.Errorf("write the sandbox's program: %w", err)
	}
	return written.n, nil
}

func entry(name string, size, mode int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: mode, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
}

// encode writes plain maps of our own, which cannot fail.
func encode(value any) []byte {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(value); err != nil {
		panic(fmt.Sprintf("sandboximage: encode: %v", err))
	}
	return text.Bytes()
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
