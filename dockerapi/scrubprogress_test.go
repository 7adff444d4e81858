package dockerapi

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// progress is a line that says how many bytes there are by now.
var progress = regexp.MustCompile(`\{[^{}]*"progressDetail":\{[^{}]+\}[^{}]*\}\r?\n`)

// scrubProgress leaves of the stream of a pull or a load the first and the last line about each layer, and what is not
// about a layer. The lines between depend on the moment: an engine passes over a step when the next is there already.
// A fast engine could have sent what remains.
func scrubProgress(text []byte) []byte {
	lines := slices.Collect(bytes.Lines(progress.ReplaceAll(text, nil)))
	first, last := map[string]int{}, map[string]int{}
	for i, line := range lines {
		layer := layerOf(line)
		if _, seen := first[layer]; !seen {
			first[layer] = i
		}
		last[layer] = i
	}
	var kept [][]byte
	for i, line := range lines {
		if layer := layerOf(line); layer == "" || i == first[layer] || i == last[layer] {
			kept = append(kept, line)
		}
	}
	return bytes.Join(kept, nil)
}

// layerOf is the layer that a line is about, "" for every other line, of any text.
func layerOf(line []byte) string {
	var m struct {
		ID             string           `json:"id"`
		ProgressDetail *json.RawMessage `json:"progressDetail"`
	}
	if err := json.Unmarshal(line, &m); err != nil || m.ProgressDetail == nil {
		return ""
	}
	return m.ID
}

func TestScrubProgress(t *testing.T) {
	const (
		begin   = `{"status":"Pulling from open","id":"1"}` + "\r\n"
		waiting = `{"status":"Pulling fs layer","progressDetail":{},"id":"a"}` + "\r\n"
		other   = `{"status":"Pulling fs layer","progressDetail":{},"id":"b"}` + "\r\n"
		moving  = `{"status":"Downloading","progressDetail":{"current":1,"total":2},"progress":"[=> ]","id":"a"}` + "\r\n"
		summed  = `{"status":"Verifying Checksum","progressDetail":{},"id":"a"}` + "\r\n"
		there   = `{"status":"Pull complete","progressDetail":{},"id":"a"}` + "\r\n"
		end     = `{"status":"Digest: sha256:c"}` + "\r\n"
	)
	for name, test := range map[string]struct{ in, want string }{
		"slow":       {begin + waiting + other + moving + summed + moving + there + end, begin + waiting + other + there + end},
		"fast":       {begin + waiting + other + there + end, begin + waiting + other + there + end},
		"repeated":   {waiting + there + there, waiting + there},
		"no stream":  {`{"id":"a"}`, `{"id":"a"}`},
		"other text": {"one\n\ntwo", "one\n\ntwo"},
		"no text":    {"", ""},
		"broken off": {begin + waiting + `{"errorDetail":{"message":"x"}}` + "\r\n", begin + waiting + `{"errorDetail":{"message":"x"}}` + "\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, string(scrubProgress([]byte(test.in)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
