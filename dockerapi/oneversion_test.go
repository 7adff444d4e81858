package dockerapi

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"
)

// The life of a container works with an engine that refuses everything but 1.44, and with one that refuses everything
// above 1.41; both answer as the recordings do.
func TestEnginesOfOneVersion(t *testing.T) {
	for dir, version := range map[string]VersionInfo{
		"docker-26-1.44":    {Version: "29.0", APIVersion: "1.44", MinAPIVersion: "1.44"},
		"docker-20.10-1.41": {Version: "20.10", APIVersion: "1.41", MinAPIVersion: "1.12"},
	} {
		t.Run(dir, func(t *testing.T) {
			c, err := New(Config{Transport: strictEngine(t, filepath.Join("testdata", dir), version)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.ContainerCreate(t.Context(), "rec-main", recordedConfig("exit 3")); err != nil {
				t.Error(err)
			}
			if texts, err := attachMain(t.Context(), c, func() {}); err != nil {
				t.Error(err)
			} else {
				outAndErr(t, texts)
			}
			if status, err := waitFor("rec-main")(t.Context(), c, func() {}); err != nil || status != (ExitStatus{StatusCode: 4}) {
				t.Errorf("wait: %+v, %v", status, err)
			}
			if err := c.ContainerStart(t.Context(), "rec-main"); err != nil {
				t.Error(err)
			}
			if seen, err := c.ContainerInspect(t.Context(), "rec-main"); err != nil || seen.State.ExitCode != 3 {
				t.Errorf("inspect: %+v, %v", seen.State, err)
			}
			if err := c.ContainerRemove(t.Context(), "rec-main", RemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
			if c.APIVersion() != version.APIVersion {
				t.Errorf("spoken to at %s", c.APIVersion())
			}
		})
	}
}

// strictEngine answers from recordings, and refuses every version but its newest.
func strictEngine(t *testing.T, dir string, version VersionInfo) roundTrip {
	t.Helper()
	versioned := regexp.MustCompile(`^/v([\d.]+)/containers/(create|rec-main)(/(\w+))?$`)
	recordings := map[string]string{
		"create": "ContainerCreate", "attach": "ContainerAttach", "wait": "ContainerWait", "start": "ContainerStart", "json": "ContainerInspect-exited", "": "ContainerRemove",
	}
	return func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/version" {
			body, err := json.Marshal(version)
			return respond(req, http.StatusOK, string(body)), err
		}
		parts := versioned.FindStringSubmatch(req.URL.Path)
		if parts == nil || parts[1] != version.APIVersion {
			return respond(req, http.StatusBadRequest, `{"message":"client version x is too new. Maximum supported API version is `+version.APIVersion+`"}`), nil
		}
		name := recordings[parts[4]]
		if parts[2] == "create" {
			name = "ContainerCreate"
		}
		_, file := exchangeFiles(dir, name, 0)
		return readResponse(t, file, req), nil
	}
}
