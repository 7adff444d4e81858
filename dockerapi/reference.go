package dockerapi

import (
	"fmt"
	"strings"
)

// Reference is an image reference taken apart: [domain/]path[:tag][@digest].
type Reference struct {
	Domain string // the registry, for example "docker.io" or "localhost:5000"
	Path   string // "library/busybox"
	Tag    string // "" when there is none
	Digest string // "sha256:…", "" when there is none

	name string // as it was written, without tag and digest
}

// defaultRegistry serves the names without a domain; the engine and its credentials know it by this name.
const defaultRegistry = "docker.io"

// ParseReference takes a reference apart as the engine does. It checks what decides where a pull goes and what it
// fetches, and leaves the rest to the engine.
func ParseReference(s string) (Reference, error) {
	fail := func(why string) (Reference, error) {
		return Reference{}, fmt.Errorf("parse image reference %q: %s", s, why)
	}
	if s == "" {
		return Reference{}, ErrEmptyID
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fail("it has characters that are not printable ASCII")
	}
	var ref Reference
	name, digest, hasDigest := strings.Cut(s, "@")
	if algorithm, hex, ok := strings.Cut(digest, ":"); hasDigest && (!ok || algorithm == "" || hex == "" || strings.ContainsAny(digest, "/@")) {
		return fail("a digest is algorithm:hex")
	}
	ref.Digest = digest
	if slash, colon := strings.LastIndexByte(name, '/'), strings.LastIndexByte(name, ':'); colon > slash {
		name, ref.Tag = name[:colon], name[colon+1:]
		if ref.Tag == "" {
			return fail("the tag is empty")
		}
	}
	ref.name = name
	ref.Domain, ref.Path = splitDomain(name)
	if strings.Trim(ref.Domain, ".") == "" || strings.ContainsAny(ref.Domain, "?#%&=\\") {
		return fail("the registry is no host")
	}
	for segment := range strings.SplitSeq(ref.Path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsAny(segment, ":?#%&=") {
			return fail("a part of the name is not one")
		}
	}
	if ref.Path != strings.ToLower(ref.Path) {
		return fail("the name must be lower case")
	}
	return ref, nil
}

// splitDomain finds the registry. The first part of a name is one only if it looks like a host.
func splitDomain(name string) (domain, path string) {
	first, rest, found := strings.Cut(name, "/")
	if !found || !strings.ContainsAny(first, ".:") && first != "localhost" && first == strings.ToLower(first) {
		domain, path = defaultRegistry, name
	} else {
		domain, path = first, rest
	}
	if domain == "index.docker.io" {
		domain = defaultRegistry
	}
	if domain == defaultRegistry && !strings.Contains(path, "/") && path != "" {
		path = "library/" + path
	}
	return domain, path
}

// version is what the engine's "tag" parameter takes: the digest, else the tag, else "latest". It is never empty,
// because an empty one pulls every tag.
func (r Reference) version() string {
	switch {
	case r.Digest != "":
		return r.Digest
	case r.Tag != "":
		return r.Tag
	}
	return "latest"
}

// String is the whole reference with its registry, tag and digest.
func (r Reference) String() string {
	s := r.Domain + "/" + r.Path
	if r.Tag != "" || r.Digest == "" {
		tag := r.Tag
		if tag == "" {
			tag = "latest"
		}
		s += ":" + tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}
