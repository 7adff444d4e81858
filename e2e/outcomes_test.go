//go:build integration

package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// expectation is a task and what `docker run` would make of it; run and submit --follow do the same.
type expectation struct {
	name, task     string
	code           int
	stdout, stderr string // stderr: a part
}

func expectations(t *testing.T) []expectation {
	nothing := emptyRegistry(t) + "/no/such:image"
	return []expectation{
		{"passes", `{"image": "docker-worker/taskenv-pass", "command": ["taskhost-who", "me"]}`, 0, "me\n", ""},
		{"fails", `{"image": "docker-worker/taskenv-fail"}`, 3, "", "cannot say who"},
		{"both streams", `{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "echo out; echo err >&2; exit 42"]}`, 42, "out\n", "err\n"},
		{"terminal", `{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "test -t 1 && echo terminal"], "tty": true}`, 0, "terminal\r\n", ""},
		{"out of time", `{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], "maxRunTime": 1, "stopGrace": 0}`, 137, "", "maxRunTime exceeded"},
		{"malformed", `{"image": "docker-worker/taskenv-pass", "imagine": 1, "env": 2}`, 125, "", "/imagine: unknown field"},
		{"no image", `{"image": "` + nothing + `"}`, 125, "", "image-unavailable"},
		{"not executable", `{"image": "docker-worker/taskenv-pass", "command": ["/bin"]}`, 126, "", "start-failed"},
		{"not found", `{"image": "docker-worker/taskenv-pass", "command": ["/no/such"]}`, 127, "", "start-failed"},
		{"environment", `{"image": "docker-worker/taskenv-pass", "env": {"A": "b\nc"}, "workingDir": "/bin", "command": ["sh", "-c", "pwd; echo \"$A $ATTEMPT $RUN_ID\""]}`, 0, "/bin\nb\nc 1 0\n", ""},
	}
}

// emptyRegistry has no image at all. It is on loopback, where the engine speaks plain HTTP.
func emptyRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}`))
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
