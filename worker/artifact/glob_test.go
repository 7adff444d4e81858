package artifact

import (
	"strings"
	"testing"
)

func TestSplitGlob(t *testing.T) {
	for pattern, want := range map[string][2]string{
		"/out/*.log":         {"/out", "*.log"},
		"/out/**/*.log":      {"/out", "**/*.log"},
		"/a/b[12]/c":         {"/a", "b[12]/c"},
		"/a/b/c":             {"/a/b", "c"},
		"/*":                 {"/", "*"},
		"/a//b/./?":          {"/a/b", "?"},
		`/a/\*b/c`:           {"/a", `\*b/c`},
		"/":                  {"/", ""},
		"/with space/*":      {"/with space", "*"},
		"/deep/er/than/this": {"/deep/er/than", "this"},
	} {
		if dir, rest := splitGlob(pattern); [2]string{dir, rest} != want {
			t.Errorf("splitGlob(%q) = %q, %q, want %q", pattern, dir, rest, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for pattern, test := range map[string]struct{ yes, no string }{
		"*.log":      {"a.log .log", "a.txt sub/a.log"},
		"**/*.log":   {"a.log sub/a.log x/y/z.log", "a.txt a.log/x"},
		"**":         {"a a/b a/b/c", ""},
		"a/**":       {"a a/b a/b/c", "b ab"},
		"a/**/b/**":  {"a/b a/x/b a/x/y/b/z", "a a/x b"},
		"?[ab]c":     {"xac xbc", "xcc ac x/c"},
		`\*`:         {"*", "a"},
		"**/x/**/y":  {"x/y a/x/y x/b/y a/x/b/c/y", "x y y/x"},
		"a**b":       {"ab axb", "a/b"},
		"*/*":        {"a/b", "a a/b/c"},
		"[^a]":       {"b", "a"},
		"**/**/**/a": {"a x/a x/y/z/a", "x a/b"},
	} {
		for _, name := range strings.Fields(test.yes) {
			if !matches(pattern, name) {
				t.Errorf("%q does not match %q", pattern, name)
			}
		}
		for _, name := range strings.Fields(test.no) {
			if matches(pattern, name) {
				t.Errorf("%q matches %q", pattern, name)
			}
		}
	}
	// A pattern cannot make the worker think for long.
	if matches(strings.Repeat("**/*a*a*a/", 800)+"b", strings.Repeat("aaaa/", 800)+"c") {
		t.Error("that is no match")
	}
}
