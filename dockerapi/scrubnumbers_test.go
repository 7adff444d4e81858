package dockerapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scrubNumbers is for answers that measure: all numbers of the JSON become the same, and of the things that the engine
// has on disk those of the story remain.
func scrubNumbers(text []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var out bytes.Buffer
	for {
		var v any
		if err := dec.Decode(&v); err == io.EOF {
			return out.Bytes()
		} else if err != nil {
			return text // no JSON, an error's text
		}
		if usage, ok := v.(map[string]any); ok && usage["LayersSize"] != nil {
			keepStory(usage)
		}
		if err := json.NewEncoder(&out).Encode(fixNumbers(v)); err != nil {
			panic(err)
		}
	}
}

func fixNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return json.Number("1000")
	case []any:
		// Engines list in any order; before ids are numbered, this makes it one.
		slices.SortStableFunc(v, func(a, b any) int { return strings.Compare(nameOf(a), nameOf(b)) })
		for i := range v {
			v[i] = fixNumbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = fixNumbers(v[key])
		}
	}
	return v
}

// nameOf is what a thing in a list is called.
func nameOf(v any) string {
	thing, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	return fmt.Sprint(thing["Names"], thing["RepoTags"], thing["Name"])
}

// keepStory takes out of a disk usage what the story did not make. Images are kept by the containers that use them:
// podman tells only their tags.
func keepStory(usage map[string]any) {
	images := map[any]bool{}
	keep := func(kind string, ours func(thing map[string]any) bool) {
		list, _ := usage[kind].([]any)
		usage[kind] = slices.DeleteFunc(list, func(v any) bool {
			thing, ok := v.(map[string]any)
			return !ok || !ours(thing)
		})
	}
	keep("Containers", func(container map[string]any) bool {
		names, _ := container["Names"].([]any)
		ours := slices.ContainsFunc(names, func(name any) bool { return ofStory(fmt.Sprint(name)) })
		if ours {
			images[container["ImageID"]] = true
		}
		return ours
	})
	keep("Images", func(image map[string]any) bool { return images[image["Id"]] })
	keep("Volumes", func(volume map[string]any) bool { return ofStory(fmt.Sprint(volume["Name"])) })
	usage["BuildCache"] = []any{}
}

// ofStory tells whether the story made the thing of that name.
func ofStory(name string) bool { return strings.HasPrefix(strings.TrimPrefix(name, "/"), "rec-") }

func TestScrubNumbers(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"measured":                {`{"usage":[123,4],"read":"2026-11-24T17:07:56Z"}`, `{"read":"` + scrubbedTime + `","usage":[1000,1000]}`},
		"a list without an order": {`[{"Name":"b","n":1},{"Name":"a"}]`, `[{"Name":"a"},{"Name":"b","n":1000}]`},
		"disk": {
			`{"LayersSize":5,"BuildCache":[{"ID":"x"}],` +
				`"Containers":[{"Names":["/other"],"ImageID":"i2"},{"Names":["/rec-b"],"ImageID":"i1"},{"Names":["rec-a"],"ImageID":"i1"}],` +
				`"Images":[{"Id":"i2","RepoTags":["1"]},{"Id":"i1","RepoTags":["1"]}],"Volumes":[{"Name":"rec-v"},{"Name":"other"}]}`,
			`{"BuildCache":[],"Containers":[{"ImageID":"i1","Names":["/rec-b"]},{"ImageID":"i1","Names":["rec-a"]}],` +
				`"Images":[{"Id":"i1","RepoTags":["1"]}],"LayersSize":1000,"Volumes":[{"Name":"rec-v"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(newScrubber(true).scrub([]byte(test.in)))
			if diff := cmp.Diff(test.want+"\n", got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got, want := string(newScrubber(true).scrubText([]byte("1.41"))), "1.41"; got != want {
		t.Errorf("a header became %q, want %q", got, want)
	}
}
