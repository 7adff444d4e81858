package dockerapi

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// seedBodies adds the bodies of the recorded responses whose names match.
func seedBodies(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*-1.*", pattern+".response"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no recordings of %s: %v", pattern, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
		if err != nil {
			f.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
}

// readMessages reads a stream of a pull or a load to its end.
func readMessages(r io.Reader) (messages []streamMessage, err error) {
	stream := newMessageStream(r)
	for {
		var m streamMessage
		if err := stream.next(&m); err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
}

// However the stream of a pull is cut, the messages are the same, and its end tells whether it is whole.
func FuzzPullStream(f *testing.F) {
	seedBodies(f, "ImagePull*")
	f.Add([]byte(`{"status":"a"}{"error":"b"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		want, wantErr := readMessages(bytes.NewReader(in))
		got, err := readMessages(iotest.OneByteReader(bytes.NewReader(in)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if (err == io.EOF) != (wantErr == io.EOF) {
			t.Errorf("%v, whole: %v", err, wantErr)
		}
		for _, m := range got {
			if (m.Error != "" || m.ErrorDetail != nil) && m.failure() == "" {
				t.Errorf("an error is lost: %+v", m)
			}
			registryFailure(http.StatusOK, m.failure())
		}
	})
}

// What a load says is text for people: whatever it is, a reference is never empty and holds no line end.
func FuzzLoadStream(f *testing.F) {
	seedBodies(f, "ImageLoad*")
	f.Add([]byte(`{"stream":"Loaded image ID: sha256:00\nLoaded image: a, b\n"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		messages, _ := readMessages(bytes.NewReader(in))
		for _, m := range messages {
			for _, ref := range loadedImages(m.Stream) {
				if ref == "" || bytes.ContainsAny([]byte(ref), "\n,") {
					t.Errorf("%q in %q", ref, m.Stream)
				}
			}
		}
	})
}

func TestLoadedImages(t *testing.T) {
	for text, want := range map[string][]string{
		"Loaded image: bb:latest\n":                       {"bb:latest"},
		"Loaded image: a:1\nLoaded image ID: sha256:00\n": {"a:1", "sha256:00"},
		"Loaded image(s): localhost/a:1, localhost/b:2":   {"localhost/a:1", "localhost/b:2"},
		"something else\n":                                nil,
		"":                                                nil,
	} {
		if diff := cmp.Diff(want, loadedImages(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// A header of a path's state is a state or an error.
func FuzzPathStat(f *testing.F) {
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"name":"file","size":6,"mode":416,"mtime":"2023-11-14T22:13:20Z","linkTarget":""}`)))
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		if stat, err := parsePathStat(header); err == nil && len(stat.Name) > maxStatHeader {
			t.Errorf("%d bytes of name", len(stat.Name))
		}
	})
}

func TestPathStatErrors(t *testing.T) {
	for _, header := range []string{"", "no base64!", base64.StdEncoding.EncodeToString([]byte("no JSON")), string(make([]byte, maxStatHeader+1))} {
		if stat, err := parsePathStat(header); err == nil {
			t.Errorf("%.20q is %+v", header, stat)
		}
	}
}
