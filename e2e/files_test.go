//go:build integration

package e2e

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// runTask runs one task as docker-worker run does, which may go to servers of this host.
func runTask(t *testing.T, task map[string]any, flags ...string) result {
	t.Helper()
	if task["image"] == nil {
		task["image"] = image
	}
	body, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	return program(t, string(body), append(append([]string{"run", "--allow-address", "127.0.0.1"}, flags...), "-")...)
}

// ball is a tar with a file, a link, and what must not come through: setuid, and another owner.
func ball(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	text := "#!/bin/sh\necho it runs\n"
	for _, h := range append([]tar.Header{
		{Typeflag: tar.TypeReg, Name: "bin/tool", Mode: 0o4755, Uid: 1234, Size: int64(len(text))},
		{Typeflag: tar.TypeSymlink, Name: "bin/link", Linkname: "tool"},
	}, entries...) {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			fmt.Fprint(w, text)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// archives is the same tree in each format.
func archives(t *testing.T) map[string][]byte {
	t.Helper()
	plain := ball(t)
	var gzipped, zipped bytes.Buffer
	g := gzip.NewWriter(&gzipped)
	g.Write(plain)
	g.Close()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(&zipped)
	for _, f := range []struct {
		name, text string
		mode       uint32
	}{{"bin/tool", "#!/bin/sh\necho it runs\n", 0o100755}, {"bin/link", "tool", 0o120777}} {
		h := &zip.FileHeader{Name: f.name, CreatorVersion: 3 << 8, ExternalAttrs: f.mode << 16}
		file, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(file, f.text)
	}
	w.Close()
	return map[string][]byte{"tar": plain, "tar.gz": gzipped.Bytes(), "tar.zst": z.EncodeAll(plain, nil), "zip": zipped.Bytes()}
}

// TestFiles: texts, bytes, downloads and archives of each format are in the container when the command starts.
func TestFiles(t *testing.T) {
	t.Parallel()
	served := archives(t)
	served["data"] = []byte("from the web\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(served[strings.TrimPrefix(r.URL.Path, "/")])
	}))
	defer server.Close()
	sum := sha256.Sum256(served["data"])
	files := map[string]any{
		"/in/text":         map[string]any{"content": "héllo\n"},
		"/in/deep/er/run":  map[string]any{"content": "#!/bin/sh\necho ran\n", "mode": "0755"},
		"/in/bytes":        map[string]any{"content": base64.StdEncoding.EncodeToString([]byte{0, 255, 10}), "encoding": "base64"},
		"/in/data":         map[string]any{"url": server.URL + "/data?signature", "sha256": hex.EncodeToString(sum[:])},
		"/bin/hello":       map[string]any{"content": "#!/bin/sh\necho hello\n", "mode": "0755"}, // beside what the image has
		"/in/x/tar":        map[string]any{"url": server.URL + "/tar", "extract": true},
		"/in/x/tar.gz":     map[string]any{"url": server.URL + "/tar.gz", "extract": true},
		"/in/x/tar.zst":    map[string]any{"url": server.URL + "/tar.zst", "extract": true},
		"/in/x/zip":        map[string]any{"url": server.URL + "/zip", "extract": true},
		"/in/x/zip/beside": map[string]any{"content": "beside"},
	}
	r := runTask(t, map[string]any{"files": files, "user": "1000:1000", "command": []string{"sh", "-c",
		`cat /in/text /in/data; od -An -tx1 /in/bytes; /in/deep/er/run; hello; for f in /in/x/*; do $f/bin/link; stat -c '%a %u %n' $f/bin/tool; done; cat /in/x/zip/beside; stat -c ' %a %u' /in/text /in/deep/er`}})
	want := "héllo\nfrom the web\n 00 ff 0a\nran\nhello\n" +
		"it runs\n755 0 /in/x/tar/bin/tool\nit runs\n755 0 /in/x/tar.gz/bin/tool\nit runs\n755 0 /in/x/tar.zst/bin/tool\nit runs\n755 0 /in/x/zip/bin/tool\n" +
		"beside 644 0\n 755 0\n"
	if diff := cmp.Diff(want, r.stdout); diff != "" || r.code != 0 {
		t.Errorf("exit code %d\n%s\n%s", r.code, diff, r.stderr)
	}
}

// TestFilesBehindLinks: the links of an image are followed, and stay what they are.
func TestFilesBehindLinks(t *testing.T) {
	t.Parallel()
	name := strings.ToLower(brokertest.Name(t))
	tool(t, "docker", "run", "--name", name, image, "sh", "-c", "mkdir -m 700 /real; ln -s /real /link; echo old > /real/conf; ln -s ../../real/conf /conf; ln -s /not/yet /later")
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", name).Run() })
	tool(t, "docker", "commit", name, name+":links")
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", name+":links").Run() })

	text := map[string]any{"content": "new\n"}
	r := runTask(t, map[string]any{"image": name + ":links", "files": map[string]any{"/link/a/b": text, "/conf": text, "/later/x": text},
		"command": []string{"sh", "-c", "cat /real/a/b /real/conf /not/yet/x; for l in /link /conf /later; do readlink $l; done; stat -c %a /real"}})
	if diff := cmp.Diff("new\nnew\nnew\n/real\n../../real/conf\n/not/yet\n700\n", r.stdout); diff != "" || r.code != 0 {
		t.Errorf("exit code %d\n%s\n%s", r.code, diff, r.stderr)
	}
	for at, want := range map[string]string{"/real": "/real is a directory in the image", "/conf/x": "is below /real/conf, which is no directory", "/bin/sh/x": "which is no directory"} {
		r := runTask(t, map[string]any{"image": name + ":links", "files": map[string]any{at: text}})
		if r.code != 125 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d\n%s", at, r.code, r.stderr)
		}
	}
}

// TestFilesRefused: what is wrong with a file is said with the place in the task, and nothing runs.
func TestFilesRefused(t *testing.T) {
	t.Parallel()
	hostile := map[string][]byte{
		"up":      ball(t, tar.Header{Typeflag: tar.TypeReg, Name: "../../etc/passwd"}),
		"through": ball(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "etc", Linkname: "bin"}, tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd"}),
		"out":     ball(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "etc", Linkname: "/etc"}),
		"device":  ball(t, tar.Header{Typeflag: tar.TypeBlock, Name: "sda", Devmajor: 8}),
		"bomb":    ball(t, tar.Header{Typeflag: tar.TypeReg, Name: "bomb"}),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if content, ok := hostile[strings.TrimPrefix(r.URL.Path, "/")]; ok {
			w.Write(content)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	for name, test := range map[string]struct {
		flags []string
		want  string
	}{
		"up":      {want: `archive entry "../../etc/passwd" has .. in its name`},
		"through": {want: `archive entry "etc/passwd" is below "etc", a symbolic link`},
		"out":     {want: `archive entry "etc" is a symbolic link to "/etc", which is absolute`},
		"device":  {want: `archive entry "sda" is a device or a pipe`},
		"bomb":    {flags: []string{"--max-file-size", "1k"}, want: "it is larger than the 1024 bytes that are allowed"},
		"nothing": {want: "the server answers 404 Not Found"},
		"inside":  {flags: []string{"--allow-address", "203.0.113.1"}, want: ""},
	} {
		r := runTask(t, map[string]any{"command": []string{"echo", "it ran"}, "files": map[string]any{"/x": map[string]any{"url": server.URL + "/" + name + "?secret", "extract": true}}}, test.flags...)
		if r.code != 125 || !strings.Contains(r.stderr, "/files/~1x: ") || !strings.Contains(r.stderr, test.want) || strings.Contains(r.stderr, "secret") || r.stdout != "" {
			t.Errorf("%s: exit code %d\n%s%s", name, r.code, r.stdout, r.stderr)
		}
	}
	// Nobody has allowed addresses of this host here.
	body := fmt.Sprintf(`{"image": %q, "files": {"/x": {"url": %q}}}`, image, server.URL)
	if r := program(t, body, "run", "-"); r.code != 125 || !strings.Contains(r.stderr, "requests to 127.0.0.1 are not allowed here") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}
