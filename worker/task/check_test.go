package task

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the schema cannot say is said as well, all of it at once, beside what the schema says.
func TestParseChecksWhatASchemaCannotSay(t *testing.T) {
	got := refused(t, `{"image": {"type": "docker-image", "name": "Tool"}, "maxRunTime": 0, "env": {"A": "1", "B": {"sealed": ""}}, "secrets": ["A", "B", "NOPE"],
		"resources": {"memory": "5m", "shmSize": "9999999999999t", "ulimits": {"nofile": {"soft": 2, "hard": 1}, "core": {"soft": -1, "hard": 0}, "nofiles": 1}},
		"services": {"db": {"image": "a//b", "ready": {"tcp": 1, "http": {"port": 1}}}, "Db_2": {"image": "x"}, "c": {"image": "x", "evn": {}}},
		"files": {"/a": {}, "/b": {"content": "", "url": "https://x"}, "/c": {"content": "?", "encoding": "base64"}, "/d": {"url": "ftp://x"},
			"/e": {"content": "", "sha256": "zz"}, "/f": {"url": "https://x", "encoding": "base64"}, "/g": {"url": "https://x", "extract": true, "mode": "0644"},
			"/h/../../i": {"content": ""}, "j": {"content": ""}, "/k/": {"content": ""}, "/l": {"content": "", "sha256": "`+zeros64+`"}},
		"cache": {"a": "/x", "b": "/x/", "c": "/", "d": "/y/..", "e/f": "/z"},
		"artifacts": {"a/../b": {"path": "/a", "url": "https://x"}, "g": {"type": "glob", "path": "/[", "url": "https://x"}, "v": {"type": "volume", "path": "/v"}, "/w": {"path": "/w"}},
		"features": {"taskclusterProxy": true, "interactive": false, "allowPtracer": true}, "log": "../x",
		"onExitStatus": {"retry": [0, 256, 3]}}`, Policy{ArtifactStore: true})
	want := []Problem{
		{"/artifacts/a~1..~1b", "a name has neither . nor .. between its slashes"},
		{"/artifacts/g/path", `"/[" is not a pattern: a [ or a \ stands alone in it`},
		{"/artifacts/v/type", `is "volume"; it can be file, directory, glob`},
		{"/artifacts/~1w", "is not a name that an artifact can have: letters, digits, '_', '.' and '-', in parts with slashes between them"},
		{"/cache/b", "is the path of cache a as well"},
		{"/cache/c", "a cache cannot be the whole file system"},
		{"/cache/d", "a cache cannot be the whole file system"},
		{"/cache/d", "is the path of cache c as well"},
		{"/cache/d", "must not have .. in it"},
		{"/cache/e~1f", "is not a name that a cache can have: letters, digits, '_', '.' and '-', and it begins with a letter or a digit"},
		{"/env/B/sealed", "must not be empty"},
		{"/features/allowPtracer", `unknown field; did you mean "allowPtrace"?`},
		{"/features/taskclusterProxy", "is not there in this worker"},
		{"/files/j", "is not the path of a file: it begins with a slash and ends without one"},
		{"/files/~1a", "has neither content nor url"},
		{"/files/~1b", "has content and url; a file has one of them"},
		{"/files/~1c/content", "is not base64"},
		{"/files/~1d", "has neither content nor url"},
		{"/files/~1d/url", `"ftp://x" does not match ^https?://[^\s\x00]+$`},
		{"/files/~1e/sha256", `"zz" does not match ^[0-9a-fA-F]{64}$`},
		{"/files/~1f/encoding", "is of content, and there is none"},
		{"/files/~1g/mode", "is of one file; an archive has the modes of its own"},
		{"/files/~1h~1..~1..~1i", "must not have .. in it"},
		{"/files/~1k~1", "is not the path of a file: it begins with a slash and ends without one"},
		{"/files/~1l/sha256", "is of what url gives, and there is none"},
		{"/image", `"Tool" is not an image reference: the name must be lower case`},
		{"/log", "a name has neither . nor .. between its slashes"},
		{"/maxRunTime", "must be at least 1, not 0"},
		{"/onExitStatus/retry/0", "must be at least 1, not 0"},
		{"/onExitStatus/retry/1", "must be at most 255, not 256"},
		{"/resources/memory", "must be at least 6m, or no process can start"},
		{"/resources/shmSize", "is more than any host has"},
		{"/resources/ulimits/core", "has a soft limit above the hard one"},
		{"/resources/ulimits/nofile", "has a soft limit above the hard one"},
		{"/resources/ulimits/nofiles", `is not a limit that Linux has; did you mean "nofile"?`},
		{"/secrets/2", `names no variable of env: "NOPE"`},
		{"/services/Db_2", "is not a name that a service can have, which is its host name: small letters, digits and '-', at most 63"},
		{"/services/c/evn", `unknown field; did you mean "env"?`},
		{"/services/db/image", `"a//b" is not an image reference: a name has lower-case letters and digits, separated by '/', '.', '-' or '_'`},
		{"/services/db/ready", "has tcp and http; one of them says when the service is ready"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const zeros64 = "0000000000000000000000000000000000000000000000000000000000000000"

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"1": 1, "512": 512, "1b": 1, "1k": 1 << 10, "64m": 64 << 20, "1.5g": 3 << 29, "2T": 2 << 40, "64MiB": 64 << 20, "1kb": 1 << 10, "0.5k": 512,
	} {
		got, err := ParseBytes(text)
		if err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
		if again, err := ParseBytes(got.String()); err != nil || again != got {
			t.Errorf("%d is written %s, which is %d, %v", got, got, again, err)
		}
	}
	for _, text := range []string{"", "m", "-1", "1x", "1 m", "1.m", ".5m", "1e3", "99999999999t"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

// Lists have an end.
func TestParseBoundsLists(t *testing.T) {
	names := make([]string, 257)
	files := map[string]map[string]string{}
	for i := range names {
		names[i] = "A"
		files[fmt.Sprintf("/f%d", i)] = map[string]string{"content": ""}
	}
	body, err := json.Marshal(map[string]any{"image": "tool", "env": map[string]string{"A": "1"}, "secrets": names, "files": files})
	if err != nil {
		t.Fatal(err)
	}
	want := []Problem{
		{"/files", "has 257 entries; at most 256 are allowed"},
		{"/secrets", "has 257 entries; at most 256 are allowed"},
	}
	if diff := cmp.Diff(want, refused(t, string(body), Policy{})); diff != "" {
		t.Error(diff)
	}
}
