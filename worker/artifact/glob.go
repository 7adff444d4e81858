package artifact

import (
	"path"
	"strings"
)

// splitGlob takes a pattern apart: the directory that all of its files are below, and what their names from there on
// look like.
func splitGlob(pattern string) (dir, rest string) {
	parts := strings.Split(path.Clean(pattern), "/")
	for i, part := range parts {
		if strings.ContainsAny(part, `*?[\`) || i == len(parts)-1 {
			return path.Join("/", path.Join(parts[:i]...)), strings.Join(parts[i:], "/")
		}
	}
	return "/", ""
}

// matches tells whether a name is what a pattern says. A part that is ** stands for any number of parts, none
// included; the others are as path.Match has them.
func matches(pattern, name string) bool {
	names := strings.Split(name, "/")
	// at[i]: what was seen of the pattern matches the first i parts of the name.
	at := make([]bool, len(names)+1)
	at[0] = true
	for part := range strings.SplitSeq(pattern, "/") {
		next := make([]bool, len(at))
		for i := range at {
			switch {
			case part == "**":
				next[i] = at[i] || i > 0 && next[i-1]
			case i > 0 && at[i-1]:
				next[i], _ = path.Match(part, names[i-1])
			}
		}
		at = next
	}
	return at[len(names)]
}
