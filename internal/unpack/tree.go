package unpack

import (
	"fmt"
	"path"
	"strings"
)

// kind is what a name in an archive stands for.
type kind byte

const (
	directory kind = iota + 1
	file
	symlink
	hardlink
)

const (
	maxPath  = 4000     // bytes of a path; Linux has 4096
	maxPart  = 255      // bytes of a part of a path
	maxNames = 32 << 20 // bytes of all names together, which are held in memory
)

// tree knows all names that an archive has had so far.
type tree struct {
	nodes map[string]kind
	max   int
	names int // bytes
}

func newTree(max int) *tree { return &tree{nodes: map[string]kind{}, max: max} }

// cleanName is the name of an entry as a path below the root; "." is the root itself.
func cleanName(name string) (string, error) {
	switch {
	case strings.HasPrefix(name, "/"):
		return "", &Error{name, "has an absolute name"}
	case strings.ContainsRune(name, 0):
		return "", &Error{name, "has a zero byte in its name"}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", &Error{name, "has .. in its name"}
		}
		if len(part) > maxPart {
			return "", &Error{name, "has a name that is too long"}
		}
	}
	return path.Clean(name), nil // "" becomes "."
}

// insert makes room for an entry under its clean name. missing are the directories above it that the archive has not
// mentioned, from the top.
func (t *tree) insert(name string, e entry) (missing []string, err error) {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		switch t.nodes[name[:i]] {
		case 0:
			missing = append(missing, name[:i])
		case symlink:
			return nil, &Error{e.name, fmt.Sprintf("is below %q, a symbolic link", bounded(name[:i]))}
		case file, hardlink:
			return nil, &Error{e.name, fmt.Sprintf("is below %q, a file", bounded(name[:i]))}
		}
	}
	if was, ok := t.nodes[name]; ok && (was != directory || e.kind != directory) {
		return nil, &Error{e.name, "is there twice"}
	}
	switch e.kind {
	case symlink:
		if err := t.checkSymlink(name, e); err != nil {
			return nil, err
		}
	case hardlink:
		if target, err := cleanName(e.target); err != nil || t.nodes[target] != file {
			return nil, &Error{e.name, fmt.Sprintf("is a hard link to %q, which is no file that came before", bounded(e.target))}
		}
	}
	t.names += len(name)
	if len(t.nodes)+len(missing) >= t.max || t.names > maxNames {
		return nil, &Error{"", fmt.Sprintf("has too many entries: %d are the most", t.max)}
	}
	for _, dir := range missing {
		t.nodes[dir] = directory
	}
	t.nodes[name] = e.kind
	return missing, nil
}

// checkSymlink refuses a target that could lead out. A ".." after the name of another link would go up from wherever
// that one leads, so all of them stand first, where they go up through directories.
func (t *tree) checkSymlink(name string, e entry) error {
	refuse := func(problem string) error {
		return &Error{e.name, fmt.Sprintf("is a symbolic link to %q, which %s", bounded(e.target), problem)}
	}
	switch {
	case e.target == "":
		return refuse("is nothing")
	case strings.HasPrefix(e.target, "/"):
		return refuse("is absolute")
	case strings.ContainsRune(e.target, 0) || len(e.target) > maxPath:
		return refuse("is no path")
	}
	up, down := 0, false
	for part := range strings.SplitSeq(e.target, "/") {
		switch part {
		case "", ".":
		case "..":
			if down {
				return refuse("goes up again after it went down")
			}
			up++
		default:
			down = true
		}
	}
	if up > strings.Count(name, "/") {
		return refuse("is outside of the archive")
	}
	return nil
}
