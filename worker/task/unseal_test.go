package task

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parsed(t *testing.T, body string) *Task {
	t.Helper()
	task, err := Parse([]byte(body), Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func TestUnseal(t *testing.T) {
	task := parsed(t, `{"image": "tool", "env": {"PLAIN": "1", "LISTED": "2", "TOKEN": {"sealed": "x3"}}, "secrets": ["LISTED"],
		"services": {"db": {"image": "db", "env": {"LISTED": "2", "PASSWORD": {"sealed": "x4"}, "OTHER": "5"}}}}`)
	open := func(name, sealed string) (string, error) { return name + " " + strings.TrimPrefix(sealed, "x"), nil }
	if err := task.Unseal(open); err != nil {
		t.Fatal(err)
	}
	if got := task.Env["TOKEN"].Value + ", " + task.Services["db"].Env["PASSWORD"].Value; got != "TOKEN 3, PASSWORD 4" {
		t.Errorf("opened: %s", got)
	}
	want := []Secret{{"LISTED", "2"}, {"PASSWORD", "PASSWORD 4"}, {"TOKEN", "TOKEN 3"}}
	if diff := cmp.Diff(want, task.SecretValues()); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestUnsealNamesEachThatIsRefused(t *testing.T) {
	task := parsed(t, `{"image": "tool", "env": {"A/B": {"sealed": "bad"}, "C": {"sealed": "zero"}, "D": {"sealed": "good"}},
		"services": {"db": {"image": "db", "env": {"E": {"sealed": "bad"}}}}}`)
	err := task.Unseal(func(_, sealed string) (string, error) {
		switch sealed {
		case "bad":
			return "", errors.New("no key")
		case "zero":
			return "hunter2\x00", nil
		}
		return "good", nil
	})
	malformed, ok := errors.AsType[*MalformedError](err)
	if !ok {
		t.Fatalf("error: %v", err)
	}
	want := []Problem{
		{"/env/A~1B/sealed", "no key"},
		{"/env/C/sealed", "its value has a zero byte, which no variable can have"},
		{"/services/db/env/E/sealed", "no key"},
	}
	if diff := cmp.Diff(want, malformed.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
