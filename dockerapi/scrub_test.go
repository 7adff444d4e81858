package dockerapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scrubber makes a recording the same each time and on each machine: ids are numbered in the order in which they come,
// times are always the same, numbers that only measure are fixed, and names of the machine are taken out. Nothing
// changes its meaning, and no id its length. One scrubber is for one recording: an id keeps its number in all of it.
type scrubber struct {
	names   *strings.Replacer // of the machine
	ids     map[string]string
	numbers bool // all numbers only measure
}

func newScrubber(numbers bool, names ...string) *scrubber {
	return &scrubber{names: strings.NewReplacer(names...), ids: map[string]string{}, numbers: numbers}
}

const (
	scrubbedTime  = "2024-01-02T03:04:05.000000006Z"
	scrubbedEpoch = "1704164645"
)

var (
	longID     = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	shortID    = regexp.MustCompile(`\b[0-9a-f]{12}\b`)
	anyTime    = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	measures   = regexp.MustCompile(`"(Pid|pid|NFd|NGoroutines|NEventsListener|MemTotal|Images|Containers|ContainersStopped|ContainersRunning|ContainersPaused)":[1-9]\d*`)
	epochs     = regexp.MustCompile(`"(Created|time|timeNano|StartedAt|FinishedAt)":1\d{9}(\d{9})?\b`)
	facts      = regexp.MustCompile(`"(KernelVersion|MacAddress|BuildTime|GoVersion|ID|uptime|SystemTime|Expected|PidFile|ConmonPidFile|SandboxKey|Size|SizeRootFs)":"[^"]*"`)
	statuses   = regexp.MustCompile(`"Status":"(Up|Exited \(-?\d+\)) [^"]*"`)
	progress   = regexp.MustCompile(`\{[^{}]*"progressDetail":\{[^{}]+\}[^{}]*\}\r?\n`)
	flatMounts = regexp.MustCompile(`"Mounts":\[\{[^\[\]]*"Destination"[^\[\]]*\}\]`)
	podmanID   = regexp.MustCompile(`0xc[0-9a-f]{6,}`)
)

// scrub is for JSON and other text; framed streams pass as they are, because nothing in them has another length.
func (s *scrubber) scrub(text []byte) []byte {
	text = []byte(s.names.Replace(string(text)))
	if s.numbers {
		text = scrubNumbers(text)
	}
	for _, id := range longID.FindAll(text, -1) {
		if s.ids[string(id)] == "" {
			// The number comes first, because the first twelve digits are the short form.
			number := fmt.Sprintf("%064x", len(s.ids)/2+1)[48:]
			s.ids[string(id)] = "1d" + number + strings.Repeat("0", 46)
			s.ids[string(id[:12])] = s.ids[string(id)][:12]
		}
	}
	for _, id := range shortID.FindAll(text, -1) { // short forms of ids that are not here
		if s.ids[string(id)] == "" && bytes.ContainsAny(id, "abcdef") && bytes.ContainsAny(id, "0123456789") {
			s.ids[string(id)] = fmt.Sprintf("5d%010x", len(s.ids))
		}
	}
	text = s.scrubKnown(text)
	text = flatMounts.ReplaceAllFunc(text, sortMounts)
	text = anyTime.ReplaceAll(text, []byte(scrubbedTime))
	text = measures.ReplaceAll(text, []byte(`"$1":7`))
	text = epochs.ReplaceAllFunc(text, func(match []byte) []byte {
		key, value, _ := bytes.Cut(match, []byte(":"))
		if len(value) > 10 {
			return fmt.Appendf(nil, "%s:%s000000006", key, scrubbedEpoch)
		}
		return fmt.Appendf(nil, "%s:%s", key, scrubbedEpoch)
	})
	text = facts.ReplaceAllFunc(text, s.scrubFact)
	text = progress.ReplaceAll(text, nil) // how many there are depends on the moment
	text = statuses.ReplaceAll(text, []byte(`"Status":"$1 a moment ago"`))
	text = podmanID.ReplaceAll(text, []byte("0xc000000000"))
	return text
}

// sortMounts puts the mounts of a container in an order; engines have none.
func sortMounts(match []byte) []byte {
	list := bytes.TrimSuffix(bytes.TrimPrefix(match, []byte(`"Mounts":[{`)), []byte("}]"))
	mounts := bytes.Split(list, []byte("},{"))
	slices.SortFunc(mounts, bytes.Compare)
	return fmt.Appendf(nil, `"Mounts":[{%s}]`, bytes.Join(mounts, []byte("},{")))
}

// scrubKnown replaces the ids that were seen, and nothing else: it is for requests.
func (s *scrubber) scrubKnown(text []byte) []byte {
	known := func(id []byte) []byte {
		if replacement := s.ids[string(id)]; replacement != "" {
			return []byte(replacement)
		}
		return id
	}
	return shortID.ReplaceAllFunc(longID.ReplaceAllFunc(text, known), known)
}

// scrubFact fixes a value, unless it is empty or an id that was numbered.
func (s *scrubber) scrubFact(match []byte) []byte {
	key, value, _ := bytes.Cut(match, []byte(":"))
	if len(value) == len(`""`) || bytes.Contains(value, []byte("1d0000")) {
		return match
	}
	if string(value) == `"`+scrubbedTime+`"` {
		return match
	}
	return fmt.Appendf(nil, `%s:"scrubbed"`, key)
}

// scrubNumbers makes all numbers of a JSON value the same, but for those that are 0 or 1 digit long.
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

func TestScrub(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	one, two := "1d"+strings.Repeat("0", 15)+"1"+strings.Repeat("0", 46), "1d"+strings.Repeat("0", 15)+"2"+strings.Repeat("0", 46)
	for name, test := range map[string]struct{ in, want string }{
		"ids in their order":     {b + " sha256:" + a + " " + b, one + " sha256:" + two + " " + one},
		"short ids of long ones": {"aaaaaaaaaaaa " + a + " 123456789012", one[:12] + " " + one + " 123456789012"},
		"short ids alone":        {"container c0ffee000000 c0ffee000000", "container 5d0000000000 5d0000000000"},
		"mounts":                 {`"Mounts":[{"Source":"b","Destination":"x"},{"Source":"a","Destination":"y"}]`, `"Mounts":[{"Source":"a","Destination":"y"},{"Source":"b","Destination":"x"}]`},
		"times":                  {"2026-11-24T17:07:56.123Z 2026-11-24T17:07:56+01:00 0001-01-01T00:00:00Z", scrubbedTime + " " + scrubbedTime + " 0001-01-01T00:00:00Z"},
		"seconds":                {`{"Created":1795541297,"timeNano":1795541297991585336}`, `{"Created":1704164645,"timeNano":1704164645000000006}`},
		"measures":               {`{"Pid":123,"ExitCode":137,"pid":0}`, `{"Pid":7,"ExitCode":137,"pid":0}`},
		"the machine":            {`"Name":"machine-1"`, `"Name":"host"`},
		"progress":               {"{\"status\":\"a\",\"progressDetail\":{}}\n{\"status\":\"b\",\"progressDetail\":{\"current\":1}}\r\n", "{\"status\":\"a\",\"progressDetail\":{}}\n"},
		"age":                    {`"Status":"Exited (3) 2 seconds ago"`, `"Status":"Exited (3) a moment ago"`},
		"facts":                  {`"KernelVersion":"6.1","MacAddress":""`, `"KernelVersion":"scrubbed","MacAddress":""`},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(newScrubber(false, "machine-1", "host").scrub([]byte(test.in)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	got := string(newScrubber(true).scrub([]byte(`{"usage":[123,4],"read":"2026-11-24T17:07:56Z"}`)))
	if want := `{"read":"` + scrubbedTime + `","usage":[1000,1000]}` + "\n"; got != want {
		t.Errorf("numbers: %s", got)
	}
}
