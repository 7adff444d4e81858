package task

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/schema"
)

// taskSchemaFile is what the tests read in schema/task.schema.json.
type taskSchemaFile struct {
	Properties map[string]struct {
		Type        any
		Ref         string `json:"$ref"`
		Description string
		Default     any
		Properties  map[string]any
	}
}

func readSchema(t *testing.T) taskSchemaFile {
	t.Helper()
	var file taskSchemaFile
	if err := json.Unmarshal(schema.Task, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// What the schema allows, the task has; what the task has, the schema allows. Each field says what it is.
func TestSchemaAndTaskHaveTheSameFields(t *testing.T) {
	file := readSchema(t)
	var fields []string
	for field := range reflect.TypeFor[Task]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); field.IsExported() {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(file.Properties)), fields); diff != "" {
		t.Errorf("fields (-schema +Task):\n%s", diff)
	}
	for name, property := range file.Properties {
		if property.Description == "" || property.Type == nil && property.Ref == "" {
			t.Errorf("field %s has no description or no type", name)
		}
	}
}

// The variables that the schema refuses are those that the container gets.
func TestSchemaRefusesTheReservedVariables(t *testing.T) {
	refusedHere := slices.Sorted(maps.Keys(readSchema(t).Properties["env"].Properties))
	if diff := cmp.Diff(slices.Sorted(slices.Values(Reserved)), refusedHere); diff != "" {
		t.Errorf("variables (-the worker's +the schema's):\n%s", diff)
	}
	for _, name := range Reserved {
		got := refused(t, `{"image": "tool", "env": {"`+name+`": ""}}`, Policy{})
		if diff := cmp.Diff([]Problem{{"/env/" + name, "is set by the worker and cannot be overridden"}}, got); diff != "" {
			t.Error(diff)
		}
	}
}

// The defaults that the schema tells are those that the worker sets.
func TestSchemaTellsTheDefaults(t *testing.T) {
	file := readSchema(t)
	task, err := Parse([]byte(`{"image": "tool"}`), Policy{})
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]any{}
	for name, property := range file.Properties {
		if property.Default != nil {
			told[name] = property.Default
		}
	}
	set := map[string]any{"maxAttempts": float64(task.MaxAttempts), "maxRunTime": float64(task.MaxRunTime), "stopGrace": float64(*task.StopGrace), "tty": task.TTY, "network": task.Network}
	if diff := cmp.Diff(told, set); diff != "" {
		t.Errorf("defaults (-schema +worker):\n%s", diff)
	}
}
