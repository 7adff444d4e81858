package task

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// check finds what a schema cannot say, and fills in what is a function of one field.
func (t *Task) check() []finding {
	var found []finding
	problem := func(message string, at ...string) { found = append(found, finding{at, message}) }

	t.Image.check(problem, "image")
	for i, name := range t.Secrets {
		if _, ok := t.Env[name]; !ok {
			problem(fmt.Sprintf("names no variable of env: %q", Bounded(name)), "secrets", fmt.Sprint(i))
		}
	}
	t.Resources.check(problem, "resources")
	for name, service := range t.Services {
		service.Image.check(problem, "services", name, "image")
		service.Resources.check(problem, "services", name, "resources")
		if r := service.Ready; r != nil && r.TCP != 0 && r.HTTP != nil {
			problem("has tcp and http; one of them says when the service is ready", "services", name, "ready")
		}
		t.Services[name] = service
	}
	for name, file := range t.Files {
		file.check(problem, "files", name)
	}
	if len(t.Services) > 0 && t.Network != "" && t.Network != DefaultNetwork && t.Network != "none" {
		problem(fmt.Sprintf("is %q; services need bridge or none: they have a network of the task's own", Bounded(t.Network)), "network")
	}
	t.checkPaths(problem)
	for name, artifact := range t.Artifacts {
		if artifact.Type == "" {
			artifact.Type = FileArtifact
			t.Artifacts[name] = artifact
		}
		if artifact.Type == GlobArtifact {
			if _, err := path.Match(artifact.Path, ""); err != nil {
				problem(fmt.Sprintf("%q is not a pattern: a [ or a \\ stands alone in it", Bounded(artifact.Path)), "artifacts", name, "path")
			}
		}
		checkPath(problem, artifact.Path, "artifacts", name, "path")
		checkName(problem, name, "artifacts", name)
	}
	checkName(problem, t.Log.Name, "log")
	return found
}

type reporter func(message string, at ...string)

func (i *Image) check(problem reporter, at ...string) {
	if i.Name == "" {
		return // and the schema has said so
	}
	ref, err := ParseReference(i.Name)
	if err != nil {
		problem(fmt.Sprintf("%q is not an image reference: %v", Bounded(i.Name), err), at...)
	}
	i.Reference = ref
}

// mostBytes is more than any host has: 1 PiB.
const mostBytes = 1 << 50

// leastMemory is what the engine takes for a limit at least.
const leastMemory = 6 << 20

func (r Resources) check(problem reporter, at ...string) {
	for name, size := range map[string]Bytes{"memory": r.Memory, "shmSize": r.ShmSize, "disk": r.Disk} {
		if size > mostBytes {
			problem("is more than any host has", append(slices.Clone(at), name)...)
		}
	}
	if r.Memory > 0 && r.Memory < leastMemory {
		problem("must be at least 6m, or no process can start", append(slices.Clone(at), "memory")...)
	}
	for name, u := range r.Ulimits {
		if u.Hard >= 0 && (u.Soft > u.Hard || u.Soft < 0) {
			problem("has a soft limit above the hard one", append(slices.Clone(at), "ulimits", name)...)
		}
	}
}

func (f File) check(problem reporter, at ...string) {
	of := func(name string) []string { return append(slices.Clone(at), name) }
	switch {
	case f.Content == nil && f.URL == "":
		problem("has neither content nor url", at...)
	case f.Content != nil && f.URL != "":
		problem("has content and url; a file has one of them", at...)
	}
	if f.Encoding != "" && f.Content != nil {
		if _, err := base64.StdEncoding.DecodeString(*f.Content); err != nil {
			problem("is not base64", of("content")...)
		}
	}
	if f.Encoding != "" && f.Content == nil {
		problem("is of content, and there is none", of("encoding")...)
	}
	if f.SHA256 != "" && f.URL == "" {
		problem("is of what url gives, and there is none", of("sha256")...)
	}
	if f.Extract && f.Mode != 0 {
		problem("is of one file; an archive has the modes of its own", of("mode")...)
	}
	checkPath(problem, at[len(at)-1], at...)
}

// checkPaths finds mounts that would hide each other, or a file that was put in.
func (t *Task) checkPaths(problem reporter) {
	names := slices.Sorted(maps.Keys(t.Cache))
	for i, name := range names {
		where := t.Cache[name]
		checkPath(problem, where, "cache", name)
		if path.Clean(where) == "/" {
			problem("a cache cannot be the whole file system", "cache", name)
		}
		for _, other := range names[:i] {
			if path.Clean(t.Cache[other]) == path.Clean(where) {
				problem(fmt.Sprintf("is the path of cache %s as well", other), "cache", name)
			}
		}
	}
}

// checkName finds a name of an artifact that would lead out of the place where artifacts are kept.
func checkName(problem reporter, name string, at ...string) {
	parts := strings.Split(name, "/")
	if slices.Contains(parts, "..") || slices.Contains(parts, ".") {
		problem("a name has neither . nor .. between its slashes", at...)
	}
}

// checkPath finds a path that is not what it seems.
func checkPath(problem reporter, p string, at ...string) {
	if slices.Contains(strings.Split(p, "/"), "..") {
		problem("must not have .. in it", at...)
	}
}
