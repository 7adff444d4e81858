package dockerapi

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scrubber makes a recording the same each time and on each machine: ids are numbered in the order in which they come,
// times are always the same, numbers that only measure are fixed, lists without an order get one, what depends on the
// moment or belongs to somebody else is left out, and names of the machine are taken out. Nothing changes its meaning,
// and no id its length. One scrubber is for one recording: an id keeps its number in all of it.
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
	longID    = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	shortID   = regexp.MustCompile(`\b[0-9a-f]{12}\b`)
	anyTime   = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	pids      = regexp.MustCompile(`"([Pp]id)":[1-9]\d*`) // 0 is the one of no process
	counts    = regexp.MustCompile(`"(NFd|NGoroutines|NEventsListener|NCPU|MemTotal|SwapFree|SwapTotal|Images|Containers|ContainersStopped|ContainersRunning|ContainersPaused)":\d+`)
	epochs    = regexp.MustCompile(`"(Created|time|timeNano|StartedAt|FinishedAt)":1\d{9}(\d{9})?\b`)
	facts     = regexp.MustCompile(`"(KernelVersion|MacAddress|BuildTime|GoVersion|ID|uptime|Uptime|SystemTime|Expected|PidFile|ConmonPidFile|SandboxKey|Size|SizeRootFs)":"[^"]*"`)
	statuses  = regexp.MustCompile(`"Status":"(Up|Exited \(-?\d+\)) [^"]*"`)
	temporary = regexp.MustCompile(`(/tmp/[a-z_.]+)\d+`)
	oldNames  = regexp.MustCompile(`"History":\[[^\[\]]*\]`) // that an image ever had
	podmanID  = regexp.MustCompile(`0xc[0-9a-f]{6,}`)
)

// scrub is for bodies, JSON and other text; framed streams pass as they are, because nothing in them has another length.
func (s *scrubber) scrub(body []byte) []byte {
	if s.numbers {
		body = scrubNumbers(body)
	}
	return s.scrubText(scrubProgress(body))
}

// scrubText is for headers too.
func (s *scrubber) scrubText(text []byte) []byte {
	text = []byte(s.names.Replace(string(text)))
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
	for _, list := range unordered {
		text = list.whole.ReplaceAllFunc(text, list.sorted)
	}
	text = anyTime.ReplaceAll(text, []byte(scrubbedTime))
	text = pids.ReplaceAll(text, []byte(`"$1":7`))
	text = counts.ReplaceAll(text, []byte(`"$1":7`))
	text = epochs.ReplaceAllFunc(text, func(match []byte) []byte {
		key, value, _ := bytes.Cut(match, []byte(":"))
		if len(value) > 10 {
			return fmt.Appendf(nil, "%s:%s000000006", key, scrubbedEpoch)
		}
		return fmt.Appendf(nil, "%s:%s", key, scrubbedEpoch)
	})
	text = facts.ReplaceAllFunc(text, s.scrubFact)
	text = temporary.ReplaceAll(text, []byte("${1}1"))
	text = oldNames.ReplaceAll(text, []byte(`"History":["scrubbed"]`))
	text = statuses.ReplaceAll(text, []byte(`"Status":"$1 a moment ago"`))
	text = podmanID.ReplaceAll(text, []byte("0xc000000000"))
	return text
}

// unordered are the lists that come in another order each time: mounts of every engine, the others of podman.
var unordered = []list{
	listOf("Mounts", `\{[^{}\[\]]*"Destination"[^{}\[\]]*\}`),
	listOf("Binds", quoted),
	listOf("Env", quoted),
	listOf("DriverStatus", `\[`+quoted+`,`+quoted+`\]`),
}

const quoted = `"(?:[^"\\]|\\.)*"`

// list is a list in JSON.
type list struct {
	key         string
	whole, item *regexp.Regexp
}

func listOf(key, item string) list {
	return list{key, regexp.MustCompile(`"` + key + `":\[(?:` + item + `,?)+\]`), regexp.MustCompile(item)}
}

func (l list) sorted(match []byte) []byte {
	items := l.item.FindAll(match[len(l.key)+len(`"":[`):], -1)
	slices.SortFunc(items, bytes.Compare)
	return fmt.Appendf(nil, `"%s":[%s]`, l.key, bytes.Join(items, []byte(",")))
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
		"processes":              {`{"Pid":123,"ExitCode":137,"pid":0}`, `{"Pid":7,"ExitCode":137,"pid":0}`},
		"counts":                 {`{"Containers":12,"ContainersPaused":0,"Images":[]}`, `{"Containers":7,"ContainersPaused":7,"Images":[]}`},
		"temporary files":        {"/var/tmp/oci1407088583: /tmp/api_load.tar2544069895/x", "/var/tmp/oci1: /tmp/api_load.tar1/x"},
		"names of the past":      {`"RepoTags":["a:1"],"History":["a:1","b:2"]`, `"RepoTags":["a:1"],"History":["scrubbed"]`},
		"driver":                 {`"DriverStatus":[["b","x"],["a","y"]]`, `"DriverStatus":[["a","y"],["b","x"]]`},
		"variables":              {`"Env":["b=\"]","a=1"],"Env":[],"Env":null`, `"Env":["a=1","b=\"]"],"Env":[],"Env":null`},
		"the machine":            {`"Name":"machine-1"`, `"Name":"host"`},
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
}
