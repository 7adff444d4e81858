package bench

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// writerEngine answers like an engine whose only container writes frames as fast as they are read, so that what is left
// to measure is the client. It returns its DOCKER_HOST.
func writerEngine(b *testing.B, size int) string {
	socket := filepath.Join(b.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, size) }))
	}()
	return "unix://" + socket
}

func answer(w http.ResponseWriter, r *http.Request, size int) {
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/version"):
		_, _ = io.WriteString(w, `{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}`)
	case strings.HasSuffix(path, "/create"):
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"Id":"0123456789abcdef"}`)
	case strings.HasSuffix(path, "/attach"):
		writeFrames(w, r, size)
	case strings.HasSuffix(path, "/wait"):
		_, _ = io.WriteString(w, `{"StatusCode":0}`)
	case strings.HasSuffix(path, "/_ping"):
		_, _ = io.WriteString(w, "OK")
	default: // start and remove
		w.WriteHeader(http.StatusNoContent)
	}
}

// writeFrames writes frames of stdout as large as Docker's.
func writeFrames(w http.ResponseWriter, r *http.Request, size int) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
	if r.Header.Get("Upgrade") != "" {
		head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
	}
	_, err = io.WriteString(conn, head)
	frame := append([]byte{1, 0, 0, 0, 0, 0, 0x80, 0}, make([]byte, 32<<10)...)
	for ; size > 0 && err == nil; size -= 32 << 10 {
		_, err = conn.Write(frame)
	}
}
