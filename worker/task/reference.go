package task

import (
	"errors"
	"regexp"
	"strings"
)

// Reference is an image reference taken apart, by the grammar of distribution/reference: [registry/]name[:tag][@digest].
type Reference struct {
	Name   string // registry and repository as written: "busybox", "registry.example:5000/team/tool"
	Tag    string // "latest" where neither a tag nor a digest is given
	Digest string // "sha256:…", or ""
}

var (
	repositoryPattern = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	registryPattern   = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*(:[0-9]+)?$|^\[[0-9a-fA-F:.]+\](:[0-9]+)?$`)
	tagPattern        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestPattern     = regexp.MustCompile(`^[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$`)
)

// ParseReference takes an image reference apart. It never guesses: what the engine would refuse is refused here, with
// the reason, before a container is thought of.
func ParseReference(s string) (Reference, error) {
	rest, digest, hasDigest := strings.Cut(s, "@")
	if hasDigest && !digestPattern.MatchString(digest) {
		return Reference{}, errors.New("what follows @ is not a digest such as sha256:<64 hex digits>")
	}
	name, tag := rest, ""
	// A colon before the last slash belongs to the registry's port.
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		name, tag = rest[:i], rest[i+1:]
		if !tagPattern.MatchString(tag) {
			return Reference{}, errors.New("a tag has 1 to 128 letters, digits, '_', '.' and '-', and begins with none of the last two")
		}
	}
	repository := name
	if first, after, ok := strings.Cut(name, "/"); ok && (strings.ContainsAny(first, ".:[") || first == "localhost" || first != strings.ToLower(first)) {
		if !registryPattern.MatchString(first) {
			return Reference{}, errors.New("the registry is not a host name with an optional port")
		}
		repository = after
	}
	switch {
	case repository == "":
		return Reference{}, errors.New("it has no name")
	case len(name) > 255:
		return Reference{}, errors.New("the name is longer than 255 characters")
	case repository != strings.ToLower(repository):
		return Reference{}, errors.New("the name must be lower case")
	case !repositoryPattern.MatchString(repository):
		return Reference{}, errors.New("a name has lower-case letters and digits, separated by '/', '.', '-' or '_'")
	}
	if tag == "" && !hasDigest {
		tag = "latest"
	}
	return Reference{Name: name, Tag: tag, Digest: digest}, nil
}

// String is the reference with its tag spelled out, as the engine is asked for it.
func (r Reference) String() string {
	s := r.Name
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}
