package dockerapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// operation is what an API document says about one, reduced by testdata/contract/generate.py.
type operation struct {
	Method string
	Path   string
	Query  []string
	Body   []string // nested fields with dots; a key of a map is *
}

var contractVersions = []string{"1.41", "1.44"}

func contract(t *testing.T, version string) map[string]operation {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "contract", version+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var operations map[string]operation
	if err := json.Unmarshal(raw, &operations); err != nil {
		t.Fatal(err)
	}
	return operations
}

// maximal are calls with every option that has a query key; calls has the others.
func maximal() map[string]func(ctx context.Context, c *Client) error {
	filters, when, tail := Filters{"label": {"x"}}, time.Unix(1, 2), 3
	return map[string]func(ctx context.Context, c *Client) error{
		"ContainerAttach": func(ctx context.Context, c *Client) error {
			return second(c.ContainerAttach(ctx, "x", AttachOptions{Stdin: true, Stdout: true, Stderr: true, Logs: true}))
		},
		"ContainerCreate": func(ctx context.Context, c *Client) error {
			return second(c.ContainerCreate(ctx, "x", ContainerConfig{Platform: "linux/amd64"}))
		},
		"ContainerStop": func(ctx context.Context, c *Client) error {
			return c.ContainerStop(ctx, "x", StopOptions{Signal: "SIGINT"})
		},
		"ContainerDelete": func(ctx context.Context, c *Client) error {
			return c.ContainerRemove(ctx, "x", RemoveOptions{Force: true, Volumes: true})
		},
		"ContainerList": func(ctx context.Context, c *Client) error {
			return second(c.ContainerList(ctx, ListOptions{All: true, Filters: filters}))
		},
		"ContainerLogs": func(ctx context.Context, c *Client) error {
			return second(c.ContainerLogs(ctx, "x", LogsOptions{Stdout: true, Stderr: true, Follow: true, Since: when, Timestamps: true, Tail: &tail}))
		},
		"ContainerPrune": func(ctx context.Context, c *Client) error { return second(c.ContainerPrune(ctx, filters)) },
		"PutContainerArchive": func(ctx context.Context, c *Client) error {
			return c.PutContainerArchive(ctx, "x", "/", strings.NewReader("x"), PutArchiveOptions{NoOverwriteDirNonDir: true, CopyUIDGID: true})
		},
		"ImageList": func(ctx context.Context, c *Client) error {
			return second(c.ImageList(ctx, ImageListOptions{All: true, Filters: filters}))
		},
		"ImageDelete": func(ctx context.Context, c *Client) error {
			return second(c.ImageRemove(ctx, "x", ImageRemoveOptions{Force: true, NoPrune: true}))
		},
		"ImagePrune":   func(ctx context.Context, c *Client) error { return second(c.ImagePrune(ctx, filters)) },
		"NetworkList":  func(ctx context.Context, c *Client) error { return second(c.NetworkList(ctx, filters)) },
		"NetworkPrune": func(ctx context.Context, c *Client) error { return second(c.NetworkPrune(ctx, filters)) },
		"VolumeList":   func(ctx context.Context, c *Client) error { return second(c.VolumeList(ctx, filters)) },
		"VolumePrune":  func(ctx context.Context, c *Client) error { return second(c.VolumePrune(ctx, filters)) },
		"SystemEvents": func(ctx context.Context, c *Client) error {
			return second(c.SystemEvents(ctx, EventsOptions{Since: when, Until: when, Filters: filters}))
		},
	}
}

// Every path and every query key that the client can send is in the API document of the version it is sent to.
func TestContractOfRequests(t *testing.T) {
	for _, version := range contractVersions {
		operations := contract(t, version)
		sent := map[string]bool{}
		check := func(name string, do func(ctx context.Context, c *Client) error) {
			op, ok := operations[opOf(name)]
			if !ok {
				t.Errorf("%s: %s is not in the document", version, name)
				return
			}
			first := true // what follows, as the inspection after a failed start, is another operation
			c, err := New(Config{APIVersion: version, Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
				sent[opOf(name)] = true
				if first {
					checkRequest(t, version, name, op, req)
				}
				first = false
				return respond(req, http.StatusTeapot, ""), nil
			})})
			if err != nil {
				t.Fatal(err)
			}
			err = do(t.Context(), c)
			if _, refused := errors.AsType[*UnsupportedError](err); !refused && err == nil {
				t.Errorf("%s: %s took an error for success", version, name)
			}
		}
		for name, call := range calls() {
			check(name, func(ctx context.Context, c *Client) error { return call.do(ctx, c, "x") })
		}
		for name, do := range maximal() {
			check(name, do)
		}
		for name := range operations {
			if !sent[name] && !(version == "1.41" && (name == "ContainerStop" || name == "SystemDataUsage")) { // refused: their options are newer
				t.Errorf("%s: no request for %s", version, name)
			}
		}
	}
}

func checkRequest(t *testing.T, version, name string, op operation, req *http.Request) {
	t.Helper()
	path := strings.TrimPrefix(req.URL.Path, "/v"+version)
	pattern := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(op.Path), `[^/]+`) + "$"
	if req.Method != op.Method || !regexp.MustCompile(pattern).MatchString(path) {
		t.Errorf("%s: %s sends %s %s, the document has %s %s", version, name, req.Method, path, op.Method, op.Path)
	}
	for key := range req.URL.Query() {
		if !slices.Contains(op.Query, key) {
			t.Errorf("%s: %s sends the query key %q, which the document does not have", version, name, key)
		}
	}
}

// Every field of a body is in the API documents from the version on that its tag says, and not before.
func TestContractOfBodies(t *testing.T) {
	bodies := map[string]any{
		"ContainerCreate": ContainerConfig{}, "NetworkCreate": NetworkConfig{}, "VolumeCreate": VolumeConfig{}, "ContainerExec": ExecConfig{},
		"NetworkConnect": struct {
			Container      string
			EndpointConfig EndpointConfig
		}{},
		"NetworkDisconnect": struct {
			Container string
			Force     bool
		}{},
		"ExecStart": struct{ Tty bool }{},
	}
	for _, v := range contractVersions {
		version, err := parseVersion(v)
		if err != nil {
			t.Fatal(err)
		}
		operations := contract(t, v)
		for name, body := range bodies {
			checkFields(reflect.TypeOf(body), "", version, func(field string, has bool) {
				documented := slices.Contains(operations[name].Body, field)
				if has && !documented {
					t.Errorf("%s: %s sends %s, which the document does not have", v, name, field)
				}
				if !has && documented {
					t.Errorf("%s: the document has %s of %s, the tag says that it is newer", v, field, name)
				}
			})
		}
	}
}

// checkFields tells each JSON field of a type, and whether the version has it by its tag.
func checkFields(typ reflect.Type, prefix string, version apiVersion, tell func(field string, has bool)) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice:
		checkFields(typ.Elem(), prefix, version, tell)
	case reflect.Map:
		checkFields(typ.Elem(), prefix+"*.", version, tell)
	case reflect.Struct:
		for i := range typ.NumField() {
			field := typ.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "-" {
				continue
			}
			if name == "" {
				name = field.Name
			}
			since, err := parseVersion(field.Tag.Get("since"))
			has := err != nil || !version.less(since)
			tell(prefix+name, has)
			if has {
				checkFields(field.Type, prefix+name+".", version, tell)
			}
		}
	}
}
