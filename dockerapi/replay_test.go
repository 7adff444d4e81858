package dockerapi

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"
)

// recordedEngines are the directories under testdata: engine and API version.
func recordedEngines(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join("testdata", "*-1.*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	return dirs
}

// recordedVersion is the API version of a directory of recordings.
func recordedVersion(dir string) string { return dir[strings.LastIndexByte(dir, '-')+1:] }

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// replayed is a client whose requests are compared with a recording and answered from it.
func replayed(t *testing.T, dir, name string) (c *Client, requests func() int) {
	t.Helper()
	n := 0
	transport := httpmock.NewMockTransport() // of this test alone
	transport.RegisterNoResponder(func(req *http.Request) (*http.Response, error) {
		requestFile, responseFile := exchangeFiles(dir, name, n)
		n++
		want, err := os.ReadFile(requestFile)
		if err != nil {
			t.Errorf("request %d is not recorded: %v", n, err)
			return nil, err
		}
		if diff := cmp.Diff(string(want), string(formatRequest(t, req))); diff != "" {
			t.Errorf("request %d is not as recorded (-recorded +sent):\n%s", n, diff)
		}
		return readResponse(t, responseFile, req), nil
	})
	c, err := New(Config{APIVersion: recordedVersion(dir), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() int { return n }
}

func TestReplay(t *testing.T) {
	for _, dir := range recordedEngines(t) {
		for _, r := range recordings() {
			t.Run(filepath.Base(dir)+"/"+r.name, func(t *testing.T) {
				c, requests := replayed(t, dir, r.name)
				result, err := r.call(t.Context(), c, func() {})
				if want := r.expected(dir); outcome(err) != want {
					t.Errorf("outcome %q, want %q: %v", outcome(err), want, err)
				}
				if err == nil && r.check != nil {
					r.check(t, result)
				}
				if file, _ := exchangeFiles(dir, r.name, requests()); exists(file) {
					t.Errorf("%d requests were sent, more are recorded", requests())
				}
			})
		}
	}
}

// expected is the outcome with the engine of a directory.
func (r recording) expected(dir string) string {
	want := r.want
	if want == "" {
		want = "ok"
	}
	if r.podman != "" && strings.HasPrefix(filepath.Base(dir), "podman") {
		want = r.podman
	}
	return want
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// A recording that no step tells any more is a lie in waiting.
func TestRecordingsAreUsed(t *testing.T) {
	names := map[string]bool{}
	for _, r := range recordings() {
		if names[r.name] {
			t.Errorf("two recordings are named %s", r.name)
		}
		names[r.name] = true
	}
	for _, dir := range recordedEngines(t) {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if name, _, _ := strings.Cut(file.Name(), "."); !names[name] {
				t.Errorf("%s belongs to no step", filepath.Join(dir, file.Name()))
			}
		}
	}
}
