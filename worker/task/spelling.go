package task

import (
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/docker-worker/docker-worker/internal/spelling"
)

// nameRules say, of the objects whose names the sender chooses, what such a name is.
var nameRules = map[string]string{
	"env":       "is not a name that a variable can have: it is empty or holds = or a NUL byte",
	"files":     "is not the path of a file: it begins with a slash and ends without one",
	"cache":     "is not a name that a cache can have: letters, digits, '_', '.' and '-', and it begins with a letter or a digit",
	"services":  "is not a name that a service can have, which is its host name: small letters, digits and '-', at most 63",
	"artifacts": "is not a name that an artifact can have: letters, digits, '_', '.' and '-', in parts with slashes between them",
}

// strayName says what is wrong with a name that the object at a place does not take.
func strayName(at []string, name string) string {
	if len(at) > 0 {
		last := at[len(at)-1]
		if rule, ok := nameRules[last]; ok && (len(at) == 1 || len(at) == 3 && last == "env") {
			return rule
		}
		if last == "ulimits" {
			return "is not a limit that Linux has" + didYouMean(name, fieldsAt(at))
		}
	}
	return "unknown field" + didYouMean(name, fieldsAt(at))
}

// fieldsAt are the names that the schema gives to the object at a place.
func fieldsAt(at []string) []string {
	s := schemaAt(at)
	var names []string
	for s != nil {
		for name := range s.Properties {
			names = append(names, name)
		}
		s = s.Ref
	}
	return names
}

// schemaAt follows a place in a task through the schema; nil where it says nothing of it.
func schemaAt(at []string) *jsonschema.Schema {
	s := taskSchema()
	for _, name := range at {
		s = below(s, name)
		if s == nil {
			return nil
		}
	}
	return s
}

func below(s *jsonschema.Schema, name string) *jsonschema.Schema {
	for ; s != nil; s = s.Ref {
		if next := s.Properties[name]; next != nil {
			return next
		}
		for pattern, next := range s.PatternProperties {
			if pattern.MatchString(name) {
				return next
			}
		}
	}
	return nil
}

// didYouMean names the field that a misspelt one is closest to, where one is close enough.
func didYouMean(name string, fields []string) string {
	if best := spelling.Closest(name, fields); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}
