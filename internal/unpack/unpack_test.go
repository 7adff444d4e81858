package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestTar unpacks the same tree from every format.
func TestTar(t *testing.T) {
	ball := tarOf(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "./"},
		tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "a commit"}},
		tar.Header{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755, ModTime: noon},
		content("bin/run", 0o4755, "#!/bin/sh\n"),
		tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/start", Linkname: "run", Mode: 0o777, ModTime: noon},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "lib/up", Linkname: "../bin/./run", Mode: 0o777, ModTime: noon},
		content("share/"+strings.Repeat("long", 40), 0o640, "deep"),
	)
	hard := tarOf(t, content("a", 0o644, "once"), tar.Header{Typeflag: tar.TypeLink, Name: "b/c", Linkname: "./a", ModTime: noon})
	want := []string{
		"d 755 in/bin/ ",
		"f 755 in/bin/run #!/bin/sh\n",
		"l 777 in/bin/start -> run",
		"d 755 in/lib/ ",
		"l 777 in/lib/up -> ../bin/./run",
		"d 755 in/share/ ",
		"f 640 in/share/" + strings.Repeat("long", 40) + " deep",
	}
	for name, test := range map[string]struct {
		archive []byte
		want    []string
	}{
		"tar":       {ball, want},
		"tar.gz":    {gzipped(t, ball), want},
		"tar.zst":   {zstandard(t, ball), want},
		"hard link": {hard, []string{"f 644 in/a once", "d 755 in/b/ ", "h 0 in/b/c => in/a"}},
		"empty tar": {make([]byte, 1024), nil},
		"empty zip": {zipOf(t), nil},
		"zip": {zipOf(t,
			zipped{name: "bin/", mode: fs.ModeDir | 0o755},
			zipped{name: "bin/run", mode: fs.ModeSetuid | 0o755, content: "#!/bin/sh\n"},
			zipped{name: "bin/start", mode: fs.ModeSymlink | 0o777, content: "run"},
			zipped{name: "plain", content: "no permissions"},
		), []string{want[0], want[1], want[2], "f 644 in/plain no permissions"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, summary, err := unpacked(test.archive, Options{Dir: "in"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if summary.Files != len(test.want) {
				t.Errorf("the summary has %d entries, want %d", summary.Files, len(test.want))
			}
		})
	}
}

// TestOwnersAndAttributes: nothing of the archive's but names, content, permissions and times comes through.
func TestOwnersAndAttributes(t *testing.T) {
	header := content("a", 0o6755, "x")
	header.Uid, header.Gid, header.Uname = 1234, 1234, "root"
	header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01"}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if _, err := Tar(w, section(tarOf(t, header)), Options{UID: 7, GID: 8}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	got, err := tar.NewReader(&out).Next()
	if err != nil {
		t.Fatal(err)
	}
	want := &tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 1, Mode: 0o755, Uid: 7, Gid: 8, ModTime: noon, Format: tar.FormatUSTAR}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestRefused has an archive for every way out of the directory, and for every way to be too much.
func TestRefused(t *testing.T) {
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, ModTime: noon}
	}
	hard := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, ModTime: noon}
	}
	node := func(kind byte) []byte { return tarOf(t, tar.Header{Typeflag: kind, Name: "node", ModTime: noon}) }
	a := content("a", 0o644, "a")
	encrypted := zipOf(t, zipped{name: "a", mode: 0o644, content: "a"})
	for _, signature := range []string{"PK\x01\x02\x14\x03\x14\x00", "PK\x03\x04\x14\x00"} { // the flags follow
		encrypted[bytes.Index(encrypted, []byte(signature))+len(signature)] |= 1
	}
	for name, test := range map[string]struct {
		archive []byte
		opts    Options
		want    string
	}{
		"absolute":                 {archive: tarOf(t, content("/etc/passwd", 0o644, "")), want: `archive entry "/etc/passwd" has an absolute name`},
		"above":                    {archive: tarOf(t, content("../a", 0o644, "")), want: `archive entry "../a" has .. in its name`},
		"above, hidden":            {archive: tarOf(t, content("a/b/../../../c", 0o644, "")), want: "has .. in its name"},
		"above, in a zip":          {archive: zipOf(t, zipped{name: "../a"}), want: "has .. in its name"},
		"absolute, in a zip":       {archive: zipOf(t, zipped{name: "/a"}), want: "has an absolute name"},
		"zero byte":                {archive: zipOf(t, zipped{name: "a\x00b"}), want: "has a zero byte in its name"},
		"back slash":               {archive: zipOf(t, zipped{name: `..\a`}), want: `has a \ in its name`},
		"no name":                  {archive: tarOf(t, link(".", "x")), want: "has no name"},
		"link to the root":         {archive: tarOf(t, link("l", "/")), want: `archive entry "l" is a symbolic link to "/", which is absolute`},
		"link above":               {archive: tarOf(t, link("a/l", "../../etc")), want: "is outside of the archive"},
		"link above, in a zip":     {archive: zipOf(t, zipped{name: "l", mode: fs.ModeSymlink | 0o777, content: ".."}), want: "is outside of the archive"},
		"link above, by a link":    {archive: tarOf(t, link("a/b/up", "../.."), link("out", "a/b/up/../x")), want: "goes up again after it went down"},
		"link to nothing":          {archive: zipOf(t, zipped{name: "l", mode: fs.ModeSymlink | 0o777}), want: "is nothing"},
		"link without end":         {archive: zipOf(t, zipped{name: "l", mode: fs.ModeSymlink | 0o777, content: strings.Repeat("l", 5000)}), want: "is no path"},
		"through a link":           {archive: tarOf(t, link("l", "a"), content("l/x", 0o644, "")), want: `archive entry "l/x" is below "l", a symbolic link`},
		"through a link, later":    {archive: tarOf(t, content("l/x", 0o644, ""), link("l", "a")), want: "is there twice"},
		"through a link, as a dir": {archive: tarOf(t, link("l", "a"), tar.Header{Typeflag: tar.TypeDir, Name: "l/"}), want: "is there twice"},
		"over a link":              {archive: tarOf(t, link("l", "a"), content("l", 0o644, "")), want: "is there twice"},
		"over a file":              {archive: tarOf(t, a, content("./a", 0o644, "")), want: "is there twice"},
		"below a file":             {archive: tarOf(t, a, content("a/b", 0o644, "")), want: `is below "a", a file`},
		"hard link outside":        {archive: tarOf(t, hard("h", "/etc/shadow")), want: "is no file that came before"},
		"hard link above":          {archive: tarOf(t, hard("h", "../etc/shadow")), want: "is no file that came before"},
		"hard link to what comes":  {archive: tarOf(t, hard("h", "a"), a), want: "is no file that came before"},
		"hard link to a link":      {archive: tarOf(t, link("d/l", "../a"), hard("h", "d/l")), want: "is no file that came before"},
		"hard link through a link": {archive: tarOf(t, content("d/a", 0o644, ""), link("l", "d"), hard("h", "l/a")), want: "is no file that came before"},
		"character device":         {archive: node(tar.TypeChar), want: "is a device or a pipe"},
		"block device":             {archive: node(tar.TypeBlock), want: "is a device or a pipe"},
		"pipe":                     {archive: node(tar.TypeFifo), want: "is a device or a pipe"},
		"socket":                   {archive: zipOf(t, zipped{name: "s", mode: fs.ModeSocket | 0o777}), want: "is a device or a pipe"},
		"device, in a zip":         {archive: zipOf(t, zipped{name: "s", mode: fs.ModeDevice | 0o777}), want: "is a device or a pipe"},
		"unknown type":             {archive: node('V'), want: "is of a type that is not known here"},
		"encrypted":                {archive: encrypted, want: "is encrypted"},
		"long part":                {archive: tarOf(t, content(strings.Repeat("a", 256), 0o644, "")), want: "has a name that is too long"},
		"long name":                {archive: tarOf(t, content(strings.Repeat("a/", 2000)+"a", 0o644, "")), want: "has a name that is too long"},
		"too large":                {archive: tarOf(t, a, content("b", 0o644, "0123456789")), opts: Options{MaxBytes: 10}, want: `archive entry "b" is too large: 10 bytes are the most`},
		"too large, in a zip":      {archive: zipOf(t, zipped{name: "b", content: strings.Repeat("0", 1<<20)}), opts: Options{MaxBytes: 1 << 19}, want: "is too large"},
		"larger than any disk":     {archive: sparse(t, 1<<60), want: "is too large"},
		"too many":                 {archive: tarOf(t, a, content("b", 0o644, ""), content("c", 0o644, "")), opts: Options{MaxFiles: 2}, want: "the archive has too many entries: 2 are the most"},
		"too many, unmentioned":    {archive: tarOf(t, content("a/b/c/d", 0o644, "")), opts: Options{MaxFiles: 3}, want: "has too many entries"},
		"no archive":               {archive: bytes.Repeat([]byte("hello, world "), 100), want: "the archive is not a tar, tar.gz, tar.zst or zip"},
		"nothing":                  {want: "is not a tar, tar.gz, tar.zst or zip"},
		"gzip of no tar":           {archive: gzipped(t, bytes.Repeat([]byte("hello, world "), 100)), want: "the archive cannot be read"},
		"cut off":                  {archive: tarOf(t, content("a", 0o644, strings.Repeat("x", 5000)))[:3000], want: "cannot be read"},
		"cut off gzip":             {archive: gzipped(t, random(20000))[:9000], want: "cannot be read"},
		"wide window":              {archive: zstandard(t, tarOf(t, content("a", 0o644, strings.Repeat("x", 1<<20))), zstd.WithWindowSize(16<<20)), want: "needs a window of more than 8 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := unpacked(test.archive, test.opts)
			var refused *Error
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an Error with %q", err, test.want)
			}
		})
	}
}

// TestHeadersAlone: an archive of headers that never come to an entry is no work without end.
func TestHeadersAlone(t *testing.T) {
	comment := tarOf(t, tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": strings.Repeat("x", 1<<19)}})
	comment = comment[:len(comment)-1024] // without the end
	_, _, err := unpacked(gzipped(t, bytes.Repeat(comment, 200)), Options{MaxBytes: 1 << 20, MaxFiles: 100})
	if err == nil || !strings.Contains(err.Error(), "too large to be read") {
		t.Errorf("got %v", err)
	}
}

// TestManyInZip: the list of a zip is not read when it alone would fill the memory.
func TestManyInZip(t *testing.T) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	name := strings.Repeat("n", 60_000)
	for i := range 300 {
		if _, err := w.CreateHeader(&zip.FileHeader{Name: name + string(rune('a'+i))}); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	_, _, err := unpacked(out.Bytes(), Options{})
	if err == nil || !strings.Contains(err.Error(), "too many entries to be read") {
		t.Errorf("got %v", err)
	}
}

// TestWriterFails: what the receiver does is not the archive's fault.
func TestWriterFails(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, size := range []int{0, 1 << 20} {
		_, err := Tar(tar.NewWriter(failing{broken}), section(tarOf(t, content("a", 0o644, strings.Repeat("x", size)))), Options{})
		var refused *Error
		if size > 0 && (!errors.Is(err, broken) || errors.As(err, &refused)) {
			t.Errorf("got %v, want the writer's error", err)
		}
	}
}

// TestFileFails: nor is a disk that cannot be read.
func TestFileFails(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "archive"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	_, err = Tar(tar.NewWriter(io.Discard), io.NewSectionReader(f, 0, 1000), Options{})
	var refused *Error
	if !errors.Is(err, os.ErrClosed) || errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
