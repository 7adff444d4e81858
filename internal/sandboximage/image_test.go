package sandboximage

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// programFile writes a file that stands for one.
func programFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// unpack reads an archive of plain files.
func unpack(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	files := map[string]string{}
	for archive := tar.NewReader(r); ; {
		entry, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry.Uid != 0 || entry.Gid != 0 {
			t.Errorf("%s belongs to %d:%d", entry.Name, entry.Uid, entry.Gid)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name] = string(text)
	}
}

func TestImage(t *testing.T) {
	image, err := Of(programFile(t, "a program"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^docker-worker/sandbox:[0-9a-f]{12}$`).MatchString(image.Reference) {
		t.Errorf("reference %s", image.Reference)
	}
	var archive bytes.Buffer
	n, err := image.WriteTo(&archive)
	if err != nil || n != int64(archive.Len()) {
		t.Fatalf("%d bytes, %v; written were %d", n, err, archive.Len())
	}
	files := unpack(t, &archive)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal([]byte(files["manifest.json"]), &manifest); err != nil || len(manifest) != 1 || len(manifest[0].Layers) != 1 {
		t.Fatalf("manifest %s: %v", files["manifest.json"], err)
	}
	if manifest[0].RepoTags[0] != image.Reference || !strings.Contains(files[manifest[0].Config], `"Entrypoint":["/docker-worker","sandbox"]`) {
		t.Errorf("tags %v, configuration %s", manifest[0].RepoTags, files[manifest[0].Config])
	}
	layer := unpack(t, strings.NewReader(files[manifest[0].Layers[0]]))
	if len(layer) != 1 || layer["docker-worker"] != "a program" {
		t.Errorf("the layer has %q", layer)
	}
}

func TestImageIsAFunctionOfTheProgram(t *testing.T) {
	references := map[string]string{}
	for _, text := range []string{"one", "two", "one"} {
		image, err := Of(programFile(t, text))
		if err != nil {
			t.Fatal(err)
		}
		if before := references[text]; before != "" && before != image.Reference {
			t.Errorf("the same program is %s and %s", before, image.Reference)
		}
		references[text] = image.Reference
	}
	if references["one"] == references["two"] {
		t.Errorf("two programs are one image: %v", references)
	}
	if _, err := Of(filepath.Join(t.TempDir(), "nothing")); err == nil {
		t.Error("an image of nothing is made")
	}
}
