package dockerapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	for name, test := range map[string]struct {
		oldest, newest, pin string
		want                string // a version, or the beginning of an error
		warning             bool
	}{
		"20.10":               {"1.12", "1.41", "", "1.41", false},
		"23":                  {"1.12", "1.42", "", "1.42", false},
		"26":                  {"1.24", "1.45", "", "1.44", false},
		"29.0":                {"1.44", "1.52", "", "1.44", false},
		"29.7":                {"1.40", "1.55", "", "1.44", false},
		"podman 4":            {"1.24", "1.41", "", "1.41", false},
		"of the future":       {"1.60", "1.70", "", "1.60", true},
		"too old":             {"1.12", "1.40", "", "negotiate the API version: engine X accepts 1.12 to 1.40, but 1.41 to 1.44", false},
		"too old, pinned":     {"1.12", "1.40", "1.30", "1.30", false},
		"pinned":              {"1.12", "1.41", "1.41", "1.41", false},
		"pinned too new":      {"1.12", "1.41", "1.44", "negotiate the API version: pinned to 1.44, but engine X accepts 1.12 to 1.41", false},
		"pinned too old":      {"1.44", "1.52", "1.41", "negotiate the API version: pinned to 1.41, but engine X accepts 1.44 to 1.52", false},
		"says no oldest":      {"", "1.24", "1.24", "1.24", false},
		"says no oldest, pin": {"", "1.41", "1.30", "1.30", false},
		"says nonsense":       {"1.12", "one", "", `negotiate the API version: parse API version "one"`, false},
		"says nonsense too":   {"1.x", "1.41", "", `negotiate the API version: parse API version "1.x"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var pin apiVersion
			if test.pin != "" {
				var err error
				if pin, err = parsePin(test.pin); err != nil {
					t.Fatal(err)
				}
			}
			n, chosen, err := choose(VersionInfo{Version: "X", APIVersion: test.newest, MinAPIVersion: test.oldest}, pin)
			got := chosen.String()
			if err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, test.want) || got == "" {
				t.Errorf("%q, want %q", got, test.want)
			}
			if (n.Warning != "") != test.warning {
				t.Errorf("warning %q", n.Warning)
			}
		})
	}
}

func TestPins(t *testing.T) {
	for pin, want := range map[string]string{"1.41": "1.41", "v1.44": "1.44", "1.24": "1.24", "1.23": "", "1": "", "x.y": "", "1.-4": "", "0.9": ""} {
		c, err := New(Config{APIVersion: pin})
		if (err == nil) != (want != "") {
			t.Errorf("pin %q: %v", pin, err)
		} else if err == nil && c.APIVersion() != want {
			t.Errorf("pin %q speaks %s", pin, c.APIVersion())
		}
	}
}

// fakeEngine answers GET /version, and says 200 and {} to everything else.
type fakeEngine struct {
	version  VersionInfo
	requests []string
}

func (f *fakeEngine) RoundTrip(req *http.Request) (*http.Response, error) {
	f.requests = append(f.requests, req.Method+" "+req.URL.Path)
	body := "{}"
	if req.URL.Path == "/version" {
		b, err := json.Marshal(f.version)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	return respond(req, http.StatusOK, body), nil
}

// respond makes an answer.
func respond(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// One negotiation fixes the version until the next, which tells that the engine changed.
func TestNegotiate(t *testing.T) {
	var log bytes.Buffer
	engine := &fakeEngine{version: VersionInfo{Version: "20.10.24", APIVersion: "1.41", MinAPIVersion: "1.12"}}
	c, err := New(Config{Transport: engine, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if c.APIVersion() != "" {
		t.Errorf("version before the negotiation: %s", c.APIVersion())
	}
	for range 2 { // the first call negotiates by itself, the second does not
		if _, err := c.ContainerInspect(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	engine.version = VersionInfo{Version: "29.7.2", APIVersion: "1.55", MinAPIVersion: "1.40"}
	n, err := c.Negotiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Negotiated{APIVersion: "1.44", EngineVersion: "29.7.2", MinAPIVersion: "1.40", MaxAPIVersion: "1.55", Changed: true}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Error(diff)
	}
	engine.version = VersionInfo{Version: "99", APIVersion: "1.70", MinAPIVersion: "1.60"}
	if n, err := c.Negotiate(t.Context()); err != nil || n.Warning == "" || c.APIVersion() != "1.60" {
		t.Errorf("engine of the future: %+v, %v", n, err)
	}
	engine.version = VersionInfo{Version: "1", APIVersion: "1.18"}
	if _, err := c.Negotiate(t.Context()); !IsVersionRefused(err) || c.APIVersion() != "1.60" {
		t.Errorf("engine of the past: %v, then %s", err, c.APIVersion())
	}
	if diff := cmp.Diff([]string{"GET /version", "GET /v1.41/containers/x/json", "GET /v1.41/containers/x/json", "GET /version", "GET /version", "GET /version"}, engine.requests); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"engine found", "engine changed", "before=20.10.24", "engine is spoken to as well as can be"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log.String())
		}
	}
}

// A call of a client that cannot negotiate fails with the reason.
func TestNegotiateFails(t *testing.T) {
	engine := &fakeEngine{version: VersionInfo{Version: "1", APIVersion: "1.18"}}
	c, err := New(Config{Transport: engine})
	if err != nil {
		t.Fatal(err)
	}
	_, inspectErr := c.ContainerInspect(t.Context(), "x")
	_, createErr := c.ContainerCreate(t.Context(), "x", ContainerConfig{})
	_, statsErr := c.ContainerStats(t.Context(), "x")
	_, networkErr := c.NetworkCreate(t.Context(), NetworkConfig{Name: "x"})
	for _, err := range []error{inspectErr, createErr, statsErr, networkErr} {
		if e, ok := errors.AsType[*VersionError](err); !ok || e.EngineMax != "1.18" {
			t.Errorf("%v, want a VersionError", err)
		}
	}
}

// What an engine would silently drop is refused.
func TestUnsupported(t *testing.T) {
	engine := &fakeEngine{}
	client := func(version string) *Client {
		c, err := New(Config{APIVersion: version, Transport: engine})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	host := func(h HostConfig) ContainerConfig { return ContainerConfig{HostConfig: h} }
	for want, cfg := range map[string]ContainerConfig{
		"HostConfig.Annotations":                            host(HostConfig{Annotations: map[string]string{"a": "b"}}),
		"HostConfig.Mounts[1].BindOptions.CreateMountpoint": host(HostConfig{Mounts: []Mount{{}, {BindOptions: &BindOptions{CreateMountpoint: true}}}}),
		"HostConfig.Mounts[0].VolumeOptions.Subpath":        host(HostConfig{Mounts: []Mount{{VolumeOptions: &VolumeOptions{Subpath: "x"}}}}),
	} {
		_, err := client("1.41").ContainerCreate(t.Context(), "x", cfg)
		if e, ok := errors.AsType[*UnsupportedError](err); !ok || e.Field != want || !IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s refused", err, want)
		}
	}
	if _, err := client("1.44").ContainerCreate(t.Context(), "x", host(HostConfig{Annotations: map[string]string{"a": "b"}})); err != nil {
		t.Errorf("annotations at 1.44: %v", err)
	}
	for name, err := range map[string]error{
		"stop signal": client("1.41").ContainerStop(t.Context(), "x", StopOptions{Signal: "SIGINT"}),
		"copy owner":  client("1.29").PutContainerArchive(t.Context(), "x", "/", strings.NewReader(""), PutArchiveOptions{CopyUIDGID: true}),
		"platform":    client("1.31").ImagePull(t.Context(), "x", PullOptions{Platform: "linux/arm64"}),
		"wait":        second(client("1.29").ContainerWait(t.Context(), "x", WaitNextExit)),
		"stats":       second(client("1.40").ContainerStats(t.Context(), "x")),
		"prune":       second(client("1.24").ContainerPrune(t.Context(), nil)),
		"df":          second(client("1.24").SystemDataUsage(t.Context(), DiskUsageOptions{})),
		"df types":    second(client("1.41").SystemDataUsage(t.Context(), DiskUsageOptions{Types: []string{"image"}})),
		"exec":        second(client("1.34").ContainerExec(t.Context(), "x", ExecConfig{WorkingDir: "/"})),
		"attachable":  second(client("1.24").NetworkCreate(t.Context(), NetworkConfig{Name: "x", Attachable: true})),
	} {
		if e, ok := errors.AsType[*UnsupportedError](err); !ok || e.Since == "" || e.Error() == "" {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	if len(engine.requests) != 1 {
		t.Errorf("requests went out: %q", engine.requests)
	}
}

func second[T any](_ T, err error) error { return err }

// A tag with a typo would be no tag.
func TestSinceTags(t *testing.T) {
	for _, v := range []any{ContainerConfig{}, StopOptions{}, PutArchiveOptions{}, PullOptions{}, DiskUsageOptions{}, ExecConfig{}, NetworkConfig{}, VolumeConfig{}} {
		checkSinceTags(t, reflect.TypeOf(v))
	}
}

func checkSinceTags(t *testing.T, typ reflect.Type) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		if tag, ok := field.Tag.Lookup("since"); ok {
			if v, err := parseVersion(tag); err != nil || v.less(minNegotiated) && v.less(apiVersion{1, 18}) {
				t.Errorf("%s.%s: tag %q: %v", typ.Name(), field.Name, tag, err)
			}
		}
		checkSinceTags(t, field.Type)
	}
}
