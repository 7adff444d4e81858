package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// problemsOf parses what is no task, and returns why.
func refused(t testing.TB, body string, policy Policy) []Problem {
	t.Helper()
	_, err := Parse([]byte(body), policy)
	malformed, ok := errors.AsType[*MalformedError](err)
	if !ok {
		t.Fatalf("parse %.200s: %v, want a MalformedError", body, err)
	}
	return malformed.Problems
}

// tool is the image of most tasks here.
var tool = Image{Name: "tool", Reference: Reference{Name: "tool", Tag: "latest"}}

func seconds(n Seconds) *Seconds { return &n }

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		body   string
		policy Policy
		want   Task
	}{
		"the least": {
			body: `{"image": "tool"}`,
			want: Task{Image: tool, MaxRunTime: 3600, MaxAttempts: 5, StopGrace: seconds(10), Network: "bridge"},
		},
		"everything": {
			body: `{"image": "registry.example:5000/team/tool:1.2", "command": ["make", "test"], "entrypoint": ["/bin/sh", "-c"],
				"env": {"A": "1", "B": ""}, "workingDir": "/src", "user": "1000:1000", "tty": true, "maxRunTime": 60, "maxAttempts": 3,
				"stopSignal": "SIGINT", "stopGrace": 0, "metadata": {"name": "build", "n": 1e3}}`,
			want: Task{Image: Image{Name: "registry.example:5000/team/tool:1.2", Reference: Reference{Name: "registry.example:5000/team/tool", Tag: "1.2"}}, Network: "bridge", Command: []string{"make", "test"}, Entrypoint: []string{"/bin/sh", "-c"},
				Env: map[string]Variable{"A": {Value: "1"}, "B": {}}, WorkingDir: "/src", User: "1000:1000", TTY: true, MaxRunTime: 60, MaxAttempts: 3,
				StopSignal: "SIGINT", StopGrace: seconds(0), Metadata: json.RawMessage(`{"n":1e3,"name":"build"}`)},
		},
		"no entrypoint is not the image's": {
			body: `{"image": "tool", "entrypoint": [], "command": []}`,
			want: Task{Image: tool, Entrypoint: []string{}, Command: []string{}, MaxRunTime: 3600, MaxAttempts: 5, StopGrace: seconds(10), Network: "bridge"},
		},
		"a worker that allows less than the default": {
			body:   `{"image": "tool"}`,
			policy: Policy{MaxRunTime: time.Minute},
			want:   Task{Image: tool, MaxRunTime: 60, MaxAttempts: 5, StopGrace: seconds(10), Network: "bridge"},
		},
		"a worker that allows more than the default": {
			body:   `{"image": "tool", "maxRunTime": 7200}`,
			policy: Policy{MaxRunTime: 2 * time.Hour},
			want:   Task{Image: tool, MaxRunTime: 7200, MaxAttempts: 5, StopGrace: seconds(10), Network: "bridge"},
		},
		"a name that comes twice: the last one counts": {
			body: `{"image": 7, "env": {"TASK_ID": "mine", "A=B": "x"}, "command": [1], "command": ["a"], "env": {"A": "1", "A": "2"}, "image": "tool"}`,
			want: Task{Image: tool, Command: []string{"a"}, Env: map[string]Variable{"A": {Value: "2"}}, MaxRunTime: 3600, MaxAttempts: 5, StopGrace: seconds(10), Network: "bridge"},
		},
		"space around it": {
			body: "\n\t {\"image\": \"tool\"} \r\n",
			want: Task{Image: tool, MaxRunTime: 3600, MaxAttempts: 5, StopGrace: seconds(10), Network: "bridge"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(test.body), test.policy)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every mistake is named, all of them at once, in words for the person who made it.
func TestParseNamesTheProblems(t *testing.T) {
	for body, want := range map[string][]string{
		``:                     {"the message is empty; a task is a JSON object, at least {\"image\": \"…\"}"},
		`hello`:                {"not JSON: invalid character 'h' looking for beginning of value, at byte 1"},
		`{"image": "tool"`:     {"not JSON: unexpected EOF, at byte 16"},
		`{"image": "tool"} {}`: {"something follows the JSON object, at byte 19"},
		`[]`:                   {"must be an object, not an array"},
		`null`:                 {"must be an object, not null"},
		`7`:                    {"must be an object, not a number"},
		`{}`:                   {"/image: is required"},
		`{"image": ""}`:        {"/image: must not be empty"},
		`{"image": null}`:      {"/image: must be a string or an object, not null"},
		`{"image": "Tool"}`:    {`/image: "Tool" is not an image reference: the name must be lower case`},
		`{"image": "tool", "imgae": "x", "Command": [], "comand": [], "somethingelse": 1, "a/b~c": 1}`: {
			`/Command: unknown field; did you mean "command"?`,
			`/a~1b~0c: unknown field`,
			`/comand: unknown field; did you mean "command"?`,
			`/imgae: unknown field; did you mean "image"?`,
			`/somethingelse: unknown field`,
		},
		`{"image": "tool", "command": "make", "entrypoint": [1, "a", null]}`: {
			"/command: must be an array, not a string",
			"/entrypoint/0: must be a string, not a number",
			"/entrypoint/2: must be a string, not null",
		},
		`{"image": "tool", "command": ["a\u0000b"]}`: {"/command/0: must not hold a NUL byte"},
		`{"image": "tool", "env": {"": "x", "A=B": "x", "C": 1, "RUN_ID": "7", "D": "a\u0000"}}`: {
			"/env/: is not a name that a variable can have: it is empty or holds = or a NUL byte",
			"/env/A=B: is not a name that a variable can have: it is empty or holds = or a NUL byte",
			"/env/C: must be a string or an object, not a number",
			"/env/D: must not hold a NUL byte",
			"/env/RUN_ID: is set by the worker and cannot be overridden",
		},
		`{"image": "tool", "workingDir": "src", "user": "", "tty": 1, "stopSignal": "sigterm", "stopGrace": 601, "metadata": []}`: {
			"/metadata: must be an object, not an array",
			`/stopGrace: must be at most 600, not 601`,
			`/stopSignal: "sigterm" does not match ^(SIG)?[A-Z][A-Z0-9]*([+-][0-9]{1,2})?$|^[1-9][0-9]?$`,
			"/tty: must be a boolean, not a number",
			"/user: must not be empty",
			`/workingDir: "src" does not match ^/[^\x00]*$`,
		},
		`{"image": "` + strings.Repeat("x", 1025) + `"}`: {
			"/image: has 1025 characters; at most 1024 are allowed",
		},
	} {
		var got []string
		for _, p := range refused(t, body, Policy{}) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.100s (-want +got):\n%s", body, diff)
		}
	}
}

func TestParseNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"60":                              "60",
		"60.0":                            "60",
		"6e1":                             "60",
		"6.0E+01":                         "60",
		"600e-1":                          "60",
		"31536000":                        "31536000",
		"60." + strings.Repeat("0", 1000): "60",
		"0":                               "must be at least 1, not 0",
		"-1":                              "must be at least 1, not -1",
		"1.5":                             "must be an integer, not a number",
		"31536001":                        "must be at most 31536000, not 31536001",
		"1e400":                           "must be at most 31536000, not 1" + strings.Repeat("0", 199) + "…",
		"1e99999999":                      "must be an integer, not a number", // too large to be looked at
		"1e-99999999":                     "must be an integer, not a number",
		`"60"`:                            "must be an integer, not a string",
	} {
		got := ""
		task, err := Parse([]byte(`{"image": "tool", "maxRunTime": `+text+`}`), Policy{})
		if err == nil {
			got = fmt.Sprint(task.MaxRunTime)
		} else {
			got = refused(t, `{"image": "tool", "maxRunTime": `+text+`}`, Policy{})[0].Message
		}
		if got != want {
			t.Errorf("maxRunTime %.20s: %s, want %s", text, got, want)
		}
	}
	var s Seconds
	for _, text := range []string{"1.5", "1e400", `"1"`} {
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is a whole number of seconds: %d", text, s)
		}
	}
}

// What the host allows is held against every task, whatever else is wrong with it, and a long number stays short.
func TestParseHoldsThePolicy(t *testing.T) {
	policy := Policy{MaxRunTime: 90 * time.Second}
	if _, err := Parse([]byte(`{"image": "tool", "maxRunTime": 90.0}`), policy); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
	got := refused(t, `{"imag": "tool", "maxRunTime": 91}`, policy)
	want := []Problem{
		{"/imag", `unknown field; did you mean "image"?`},
		{"/image", "is required"},
		{"/maxRunTime", "91 seconds are more than this worker allows (90, its --max-run-time)"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, p := range refused(t, `{"image": "tool", "maxRunTime": 91.`+strings.Repeat("0", 100_000)+`}`, policy) {
		if len(p.Message) > 1000 {
			t.Errorf("a message of %d bytes", len(p.Message))
		}
	}
}

// A hostile task cannot make us say as much as it likes.
func TestParseBoundsTheProblems(t *testing.T) {
	var env []string
	for i := range 1000 {
		env = append(env, fmt.Sprintf("%q: %d", strings.Repeat("n", 1+i%500)+fmt.Sprint(i), i))
	}
	got := refused(t, `{"image": "tool", "env": {`+strings.Join(env, ",")+`}}`, Policy{})
	if len(got) != maxProblems+1 || got[maxProblems].Message != "and 950 more problems" {
		t.Errorf("%d problems, the last one: %v", len(got), got[len(got)-1])
	}
	if text := (&MalformedError{Problems: got}).Error(); len(text) > 50_000 {
		t.Errorf("an error of %d bytes", len(text))
	}
}

// The largest task is looked at, a larger one is not.
func TestParseSize(t *testing.T) {
	body := `{"image": "tool", "env": {"A": ""}}`
	body = strings.Replace(body, `""`, `"`+strings.Repeat("x", MaxSize-len(body))+`"`, 1)
	if _, err := Parse([]byte(body), Policy{}); err != nil {
		t.Errorf("%d bytes: %v", len(body), err)
	}
	if got := refused(t, body+" ", Policy{}); got[0].Message != "the message has 1048577 bytes; a task has at most 1048576" {
		t.Error(got)
	}
}

func TestBounded(t *testing.T) {
	if got := Bounded(strings.Repeat("é", 101)); got != strings.Repeat("é", 100)+"…" {
		t.Error(got)
	}
	if got := Bounded("x" + strings.Repeat("é", 100)); got != "x"+strings.Repeat("é", 99)+"…" {
		t.Errorf("a text is not cut within a letter: %q", got)
	}
}
