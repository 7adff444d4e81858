package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseTask: nothing makes it panic; a task can be written and read again, and is the same; a problem points to a
// value that is there, or to one that is missing where it points, and is said in few words.
func FuzzParseTask(f *testing.F) {
	examples, err := filepath.Glob("../../examples/*.json")
	if err != nil || len(examples) == 0 {
		f.Fatalf("no examples: %v", err)
	}
	for _, name := range examples {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, seed := range []string{
		"", "null", "[]", "{", `{"image": "tool"} x`, `{"image": 1, "image": "tool"}`, `{"image": "tool", "env": {"": "", "a/b~": 1, "TASK_ID": ""}}`,
		`{"image": "tool", "maxRunTime": 6e1, "stopGrace": 1.0}`, `{"image": "tool", "maxRunTime": 1e400}`, `{"image": "tool", "metadata": {"<>": "\u2028", "n": 1e-7}}`,
		`{"image": "tool", "command": ["\ud800"], "entrypoint": []}`, "{\"image\": \"tool\", \"user\": \"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	policy := Policy{MaxRunTime: 2 * time.Hour}
	f.Fuzz(func(t *testing.T, body []byte) {
		task, err := Parse(body, policy)
		if err != nil {
			malformed, ok := errors.AsType[*MalformedError](err)
			if !ok {
				t.Fatalf("not a MalformedError: %v", err)
			}
			checkProblems(t, body, malformed.Problems)
			return
		}
		text, err := json.Marshal(task)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text, policy)
		if err != nil {
			t.Fatalf("%s was a task and is none: %v", text, err)
		}
		if diff := cmp.Diff(task, again, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("written and read again: %s", diff)
		}
	})
}

func checkProblems(t *testing.T, body []byte, problems []Problem) {
	t.Helper()
	if len(problems) == 0 || len(problems) > maxProblems+3 {
		t.Errorf("%d problems", len(problems))
	}
	doc, _ := decode(body)
	for _, p := range problems {
		if p.Message == "" || len(p.Message) > 1000 {
			t.Errorf("a message of %d bytes", len(p.Message))
		}
		if p.Pointer != "" && !pointsInto(doc, p.Pointer) {
			t.Errorf("%q points nowhere: %s", p.Pointer, p.Message)
		}
	}
}

// pointsInto tells whether a JSON pointer leads to a value, or to a place in an object where one could be. A name that
// was cut short, at the …, is taken for the rest of it.
func pointsInto(doc any, pointer string) bool {
	token, rest, more := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	switch value := doc.(type) {
	case map[string]any:
		next, ok := value[token]
		if start, cut := strings.CutSuffix(token, "…"); !ok && cut {
			for name := range value {
				if strings.HasPrefix(name, start) {
					return true
				}
			}
		}
		return !more || ok && pointsInto(next, "/"+rest)
	case []any:
		i, err := strconv.Atoi(token)
		return err == nil && i >= 0 && i < len(value) && (!more || pointsInto(value[i], "/"+rest))
	}
	return false
}
