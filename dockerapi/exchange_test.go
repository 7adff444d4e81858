package dockerapi

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// exchangeFiles are where the nth request (from 0) of a recording and its response are: NAME.request and NAME.response,
// then NAME.2.request and so on.
func exchangeFiles(dir, name string, n int) (request, response string) {
	if n > 0 {
		name = fmt.Sprintf("%s.%d", name, n+1)
	}
	return filepath.Join(dir, name+".request"), filepath.Join(dir, name+".response")
}

// readBody takes the body of a request and puts an equal one in its place.
func readBody(t testing.TB, req *http.Request) []byte {
	t.Helper()
	if req.Body == nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatalf("read the request's body: %v", err)
	}
	_ = req.Body.Close()
	req.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

// formatRequest writes down what of a request must not change by accident: method, path, query, the headers that mean
// something, and the body; JSON with sorted keys, other bodies by their checksum.
func formatRequest(t testing.TB, req *http.Request) []byte {
	t.Helper()
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s\n", req.Method, req.URL.RequestURI())
	for _, name := range []string{"Connection", "Content-Type", "Upgrade", "X-Registry-Auth"} {
		if value := req.Header.Get(name); value != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	body := readBody(t, req)
	var parsed any
	switch err := json.Unmarshal(body, &parsed); {
	case len(body) == 0:
	case err == nil:
		indented, err := json.MarshalIndent(parsed, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n%s\n", indented)
	default:
		checksum := sha256.Sum256(body)
		fmt.Fprintf(&out, "\n(%d bytes, checksum %x)\n", len(body), checksum[:8])
	}
	return out.Bytes()
}

// readResponse reads a recorded response as net/http would have given it to req.
func readResponse(t testing.TB, file string, req *http.Request) *http.Response {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(bytes.NewReader(raw))
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		t.Fatalf("parse %s: %v", file, err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = io.NopCloser(in) // what follows is no body, but the upgraded connection
	}
	return resp
}
