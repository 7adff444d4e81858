//go:build integration && record

package dockerapi

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// passwords is recordedUser and recordedPassword as htpasswd has them.
const passwords = "test:$2b$05$abcdefghijklmnopqrstuuj3mn07OpbOzehFAYkv.JDVRqaGN1RFu\n"

// startRegistries starts what the recordings pull from: Debian's docker-registry, with one image and one user, and a
// registry that only makes trouble.
func startRegistries(t *testing.T) {
	t.Helper()
	startTrouble(t)
	dir := t.TempDir()
	config := fmt.Sprintf(`version: 0.1
storage: {filesystem: {rootdirectory: %[1]s/data}}
http: {addr: %[2]s}
auth: {htpasswd: {realm: test, path: %[1]s/htpasswd}}
`, dir, recordedRegistry)
	for file, content := range map[string]string{"config.yml": config, "htpasswd": passwords} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, "docker-registry", "serve", filepath.Join(dir, "config.yml"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start Debian's docker-registry: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
	})
	awaitTCP(t, recordedRegistry)
	push(t, "open", "1")
}

// awaitTCP waits until somebody listens.
func awaitTCP(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			t.Fatalf("nobody listens at %s", address)
		}
	}
}

// push uploads a small image.
func push(t *testing.T, repository, tag string) {
	t.Helper()
	base := "http://" + recordedRegistry + "/v2/" + repository
	files := tarFiles(t, imageTar("pushed", nil))
	config, layer := files["config.json"], files["layer.tar"]
	for _, blob := range [][]byte{config, layer} {
		resp := registryCall(t, http.MethodPost, base+"/blobs/uploads/", "", nil, http.StatusAccepted)
		location := resp.Header.Get("Location")
		registryCall(t, http.MethodPut, fmt.Sprintf("%s&digest=%s", location, digest(blob)), "application/octet-stream", blob, http.StatusCreated)
	}
	part := func(mediaType string, blob []byte) map[string]any {
		return map[string]any{"mediaType": mediaType, "size": len(blob), "digest": digest(blob)}
	}
	const manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": part("application/vnd.docker.container.image.v1+json", config),
		"layers": []any{part("application/vnd.docker.image.rootfs.diff.tar", layer)},
	})
	if err != nil {
		t.Fatal(err)
	}
	registryCall(t, http.MethodPut, base+"/manifests/"+tag, manifestType, manifest, http.StatusCreated)
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func registryCall(t *testing.T, method, url, contentType string, body []byte, want int) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(recordedUser, recordedPassword)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != want {
		t.Fatalf("%s %s: %s %s", method, url, resp.Status, text)
	}
	return resp
}

// tarFiles are the files of a tar by name.
func tarFiles(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// startTrouble starts a registry whose repository "status/NNN" answers with that status, and "status/0" with nothing.
func startTrouble(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", recordedTrouble)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[int]string{429: "TOOMANYREQUESTS", 503: "UNAVAILABLE", 403: "DENIED"}
	server := &http.Server{ErrorLog: nil, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, rest, found := strings.Cut(r.URL.Path, "/v2/status/")
		if !found {
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			return
		}
		number, _, _ := strings.Cut(rest, "/")
		status, err := strconv.Atoi(number)
		if err != nil || status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Retry-After", "0") // podman waits for minutes otherwise
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"a test's trouble"}]}`, codes[status])
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}
