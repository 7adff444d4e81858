package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/schema"
)

// TestConfigurationIsDocumented holds docs/configuration.md and the help texts together: each names every flag and every
// variable that the other does.
func TestConfigurationIsDocumented(t *testing.T) {
	page, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var help bytes.Buffer
	for _, command := range []string{"start", "run", "submit", "queue declare", "key generate", "seal", "reap", "cache ls", "cache purge", "cancel", "drain", "explain"} {
		args := append(append([]string{"docker-worker"}, strings.Fields(command)...), "--help")
		if code := run(t.Context(), args, nil, &help, &help); code != exitOK {
			t.Fatalf("%v ended with %d", args, code)
		}
	}
	for _, what := range []*regexp.Regexp{regexp.MustCompile(`--[a-z][a-z-]+`), regexp.MustCompile(`DOCKER_WORKER_[A-Z_]+`)} {
		in := func(text []byte) []string {
			found := what.FindAllString(string(text), -1)
			slices.Sort(found)
			return slices.DeleteFunc(slices.Compact(found), func(s string) bool { return s == "--help" })
		}
		helped, documented := in(help.Bytes()), in(page)
		for _, name := range helped {
			if !slices.Contains(documented, name) {
				t.Errorf("docs/configuration.md does not name %s", name)
			}
		}
		for _, name := range documented {
			if !slices.Contains(helped, name) {
				t.Errorf("docs/configuration.md names %s, which no command has", name)
			}
		}
	}
}

// TestTaskFieldsAreDocumented holds docs/task.md and the schema together.
func TestTaskFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("docs/task.md")
	if err != nil {
		t.Fatal(err)
	}
	var format struct {
		Properties map[string]json.RawMessage
	}
	if err := json.Unmarshal(schema.Task, &format); err != nil {
		t.Fatal(err)
	}
	page, _, _ = bytes.Cut(page, []byte("## Variables")) // the tables behind are of other things
	rows := regexp.MustCompile("(?m)^\\| `([a-z][A-Za-z]*)` \\|").FindAllSubmatch(page, -1)
	documented := map[string]bool{}
	for _, row := range rows {
		documented[string(row[1])] = true
		if _, ok := format.Properties[string(row[1])]; !ok {
			t.Errorf("docs/task.md has field %s, which the schema has not", row[1])
		}
	}
	for field := range format.Properties {
		if !documented[field] {
			t.Errorf("docs/task.md lacks field %s", field)
		}
	}
}

// TestEveryFieldIsDocumented: each name that the schema gives, at whatever depth, is told on a page.
func TestEveryFieldIsDocumented(t *testing.T) {
	var pages []byte
	for _, name := range []string{"task", "artifacts", "caches", "services", "secrets", "security"} {
		page, err := os.ReadFile("docs/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page...)
	}
	var format any
	if err := json.Unmarshal(schema.Task, &format); err != nil {
		t.Fatal(err)
	}
	for _, field := range fieldNames(nil, format) {
		// As code by itself, as the end of a path such as capabilities.add, or in an example.
		if !regexp.MustCompile("[`.\"]" + regexp.QuoteMeta(field) + "[`\":]").Match(pages) {
			t.Errorf("no page tells of the field %s", field)
		}
	}
}

// fieldNames are the names under properties, at any depth.
func fieldNames(names []string, value any) []string {
	object, ok := value.(map[string]any)
	if !ok {
		return names
	}
	for name, inner := range object {
		if properties, ok := inner.(map[string]any); ok && name == "properties" {
			for field := range properties {
				names = append(names, field)
			}
		}
		names = fieldNames(names, inner)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
