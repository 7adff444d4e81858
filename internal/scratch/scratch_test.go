package scratch

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	f, err := File(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the directory has %v, %v", left, err)
	}
	if _, err := f.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 100))
	if err != nil || string(text) != "content" {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := File("/dev/null/dir"); err == nil {
		t.Error("a file was made where none can be")
	}
}
