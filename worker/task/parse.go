package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxSize is the largest task that is looked at, in bytes. A larger message is malformed: inputs do not belong in the
// queue, and the broker's memory is everybody's.
const MaxSize = 1 << 20

// Parse validates body and returns the task. The error is a *MalformedError that holds every problem there is, so that
// the sender can mend them in one go.
func Parse(body []byte, policy Policy) (*Task, error) {
	doc, problem := decode(body)
	if problem != nil {
		return nil, &MalformedError{Problems: []Problem{*problem}}
	}
	found := validate(doc)
	// What the schema has nothing against is looked at more closely, also where the rest of the task is not sound.
	task := &Task{}
	if sound, ok := without(doc, found).(map[string]any); ok {
		// The task is made from what was validated, not from body: where a name comes twice the last one counts,
		// and an earlier one does not get past the schema.
		text, err := json.Marshal(wholeNumbers(sound))
		if err == nil {
			err = json.Unmarshal(text, task)
		}
		if err != nil {
			return nil, fmt.Errorf("decode a task that the schema accepts: %w", err)
		}
		found = append(found, task.check()...)
		found = append(found, policy.check(task)...)
	}
	if len(found) > 0 {
		return nil, &MalformedError{Problems: problemsOf(found)}
	}
	task.setDefaults(policy)
	return task, nil
}

// decode reads one JSON object and says plainly what else it found.
func decode(body []byte) (any, *Problem) {
	switch {
	case len(body) == 0:
		return nil, &Problem{"", "the message is empty; a task is a JSON object, at least {\"image\": \"…\"}"}
	case len(body) > MaxSize:
		return nil, &Problem{"", fmt.Sprintf("the message has %d bytes; a task has at most %d", len(body), MaxSize)}
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

// without is doc less what there are findings about. In an array one bad element takes the others with it: they would
// change their places.
func without(doc any, found []finding) any {
	for _, f := range found {
		remove(doc, f.at)
	}
	return doc
}

func remove(doc any, at []string) (keep bool) {
	if len(at) == 0 {
		return false
	}
	if object, ok := doc.(map[string]any); ok {
		if value, ok := object[at[0]]; ok && !remove(value, at[1:]) {
			delete(object, at[0])
		}
		return true
	}
	return false
}

// wholeNumbers writes the numbers that JSON takes for integers as Go does: 60 for 60.0 and for 6e1. What belongs to the
// sender is left as it is.
func wholeNumbers(object map[string]any) map[string]any {
	for name, value := range object {
		if name == "metadata" {
			continue
		}
		switch value := value.(type) {
		case map[string]any:
			wholeNumbers(value)
		case []any:
			for i := range value {
				value[i] = wholeNumber(value[i])
			}
		default:
			object[name] = wholeNumber(value)
		}
	}
	return object
}

func wholeNumber(value any) any {
	n, ok := value.(json.Number)
	if !ok {
		return value
	}
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return value
	}
	return json.Number(strconv.FormatInt(int64(f), 10))
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
	if t.Network == "" {
		t.Network = DefaultNetwork
	}
}

// Bounded keeps a text that came from outside short enough for a message.
func Bounded(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
