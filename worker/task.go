package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// MaxTaskSize is the largest task that is looked at, in bytes. A larger message is malformed: inputs do not belong in
// the queue, and the broker's memory is everybody's.
const MaxTaskSize = 1 << 20

// DefaultMaxRunTime bounds a task that does not say how long it may run.
const DefaultMaxRunTime = time.Hour

// DefaultMaxAttempts is how often a task is tried that does not say.
const DefaultMaxAttempts = 5

// defaultStopGrace is the time between the stop signal and SIGKILL, as `docker stop` has it.
const defaultStopGrace = 10 * time.Second

// reservedEnv are the variables that the worker sets and a task cannot. The schema refuses them too; this list is what
// the container gets, and a test holds the two together.
var reservedEnv = []string{"TASK_ID", "ATTEMPT", "RUN_ID", "WORKER_ID", "WORKER_TYPE", "TRACEPARENT"}

// Task is what a message asks for, validated and with its defaults filled in. schema/task.schema.json says what each
// field means.
type Task struct {
	Image       string            `json:"image"`
	Command     []string          `json:"command"`
	Entrypoint  []string          `json:"entrypoint"` // nil: the image's; empty: none
	Env         map[string]string `json:"env"`
	WorkingDir  string            `json:"workingDir"`
	User        string            `json:"user"`
	TTY         bool              `json:"tty"`
	MaxRunTime  Seconds           `json:"maxRunTime"`
	MaxAttempts int               `json:"maxAttempts"`
	StopSignal  string            `json:"stopSignal"` // "": the image's
	StopGrace   *Seconds          `json:"stopGrace"`
	Metadata    json.RawMessage   `json:"metadata"`

	reference Reference // Image, parsed
}

// Seconds is a whole number of seconds in JSON; 60, 60.0 and 6e1 are the same number there.
type Seconds int64

// UnmarshalJSON reads any JSON number without a fraction.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != float64(int64(f)) {
		return fmt.Errorf("parse seconds: %s is not a whole number", text)
	}
	*s = Seconds(f)
	return nil
}

// Duration is s as Go counts time.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// Policy is what this host allows a task, beyond what the format says.
type Policy struct {
	MaxRunTime  time.Duration // longest maxRunTime; 0 means no limit
	MaxAttempts int           // most maxAttempts, and the default where that is less; 0 means no limit
}

// ParseTask validates body and returns the task. The error is a *MalformedError that holds every problem there is, so
// that the sender can mend them in one go.
func ParseTask(body []byte, policy Policy) (*Task, error) {
	doc, problem := decodeTask(body)
	if problem != nil {
		return nil, &MalformedError{Problems: []Problem{*problem}}
	}
	problems := validate(doc)
	task := &Task{}
	if len(problems) == 0 {
		// The task is made from what was validated, not from body: where a name comes twice the last one counts,
		// and an earlier one does not get past the schema.
		text, err := json.Marshal(doc)
		if err == nil {
			err = json.Unmarshal(text, task)
		}
		if err != nil {
			return nil, fmt.Errorf("decode a task that the schema accepts: %w", err)
		}
	}
	// The rest needs single fields, which may be sound while others are not.
	fields, _ := doc.(map[string]any)
	if image, ok := fields["image"].(string); ok && image != "" {
		ref, err := ParseReference(image)
		if err != nil {
			problems = append(problems, Problem{"/image", fmt.Sprintf("%q is not an image reference: %v", bounded(image), err)})
		}
		task.reference = ref
	}
	problems = append(problems, policy.check(fields)...)
	if len(problems) > 0 {
		return nil, &MalformedError{Problems: problems}
	}
	task.setDefaults(policy)
	return task, nil
}

// decodeTask reads one JSON object and says plainly what else it found.
func decodeTask(body []byte) (any, *Problem) {
	switch {
	case len(body) == 0:
		return nil, &Problem{"", "the message is empty; a task is a JSON object, at least {\"image\": \"…\"}"}
	case len(body) > MaxTaskSize:
		return nil, &Problem{"", fmt.Sprintf("the message has %d bytes; a task has at most %d", len(body), MaxTaskSize)}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		at := int64(len(body)) // where an object that is cut short ends
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = syntax.Offset
		}
		return nil, &Problem{"", fmt.Sprintf("not JSON: %v, at byte %d", err, at)}
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, &Problem{"", fmt.Sprintf("something follows the JSON object, at byte %d", dec.InputOffset())}
	}
	return doc, nil
}

// check finds the fields that ask for more than this host allows.
func (p Policy) check(fields map[string]any) []Problem {
	var problems []Problem
	atMost := func(field string, limit float64, unit, flag string) {
		n, ok := fields[field].(json.Number)
		if !ok || limit <= 0 {
			return
		}
		if f, err := n.Float64(); err == nil && f > limit {
			problems = append(problems, Problem{"/" + field, fmt.Sprintf("%s%s are more than this worker allows (%.0f, its --%s)", bounded(n.String()), unit, limit, flag)})
		}
	}
	atMost("maxRunTime", p.MaxRunTime.Seconds(), " seconds", "max-run-time")
	atMost("maxAttempts", float64(p.MaxAttempts), " attempts", "max-attempts")
	return problems
}

func (t *Task) setDefaults(policy Policy) {
	if t.MaxRunTime == 0 {
		t.MaxRunTime = Seconds(DefaultMaxRunTime / time.Second)
		if limit := policy.MaxRunTime; limit > 0 && limit < DefaultMaxRunTime {
			t.MaxRunTime = Seconds(limit / time.Second)
		}
	}
	if t.MaxAttempts == 0 {
		t.MaxAttempts = DefaultMaxAttempts
		if limit := policy.MaxAttempts; limit > 0 {
			t.MaxAttempts = min(limit, DefaultMaxAttempts)
		}
	}
	if t.StopGrace == nil {
		grace := Seconds(defaultStopGrace / time.Second)
		t.StopGrace = &grace
	}
}

// environment is the container's, sorted by nothing in particular: the engine keeps the order it is given, and the last
// of two wins, so the worker's own come last.
func (t *Task) environment(own map[string]string) []string {
	env := make([]string, 0, len(t.Env)+len(own))
	for name, value := range t.Env {
		env = append(env, name+"="+value)
	}
	for _, name := range reservedEnv {
		if value, ok := own[name]; ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// bounded keeps a text that came from outside short enough for a message.
func bounded(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
