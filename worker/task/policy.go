package task

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy is what a host allows a task, beyond what the format says. The zero value allows all that a task can ask for
// without rights beyond the ordinary, and no more.
type Policy struct {
	MaxRunTime  time.Duration // longest maxRunTime; 0 means no limit
	MaxAttempts int           // most maxAttempts, and the default where that is less; 0 means no limit

	Default Resources // of a container that does not say; zero fields fall back to Max
	Max     Resources // zero fields are no limit, but for GPUs: none

	Allow  Allowances
	Images []string // patterns of the image references that may run, with * for any text; none means all

	HostCPUs float64 // what the host has, of which no container gets more; 0 is not known

	ArtifactStore bool // there is a place for artifacts that name no URL

	Unknown bool // no host is asked: only the format counts
}

// check finds the fields that ask for more than this host allows.
func (p Policy) check(t *Task) []finding {
	var found []finding
	if p.Unknown {
		return nil
	}
	problem := func(message string, at ...string) { found = append(found, finding{at, message}) }

	atMost(problem, t.MaxRunTime.Duration().Seconds(), p.MaxRunTime.Seconds(), " seconds", "max-run-time", "maxRunTime")
	atMost(problem, float64(t.MaxAttempts), float64(p.MaxAttempts), " attempts", "max-attempts", "maxAttempts")
	p.checkImage(problem, t.Image, "image")
	p.checkResources(problem, t.Resources, "resources")
	for name, service := range t.Services {
		p.checkImage(problem, service.Image, "services", name, "image")
		p.checkResources(problem, service.Resources, "services", name, "resources")
	}
	p.Allow.check(problem, t)
	for name, artifact := range t.Artifacts {
		if artifact.URL == "" && !p.ArtifactStore {
			problem("has no url, and this worker has no --artifact-store", "artifacts", name)
		}
	}
	return found
}

// atMost holds a number against its limit; a limit of 0 is none.
func atMost(problem reporter, n, limit float64, unit, flag string, at ...string) {
	if limit > 0 && n > limit {
		problem(fmt.Sprintf("%v%s are more than this worker allows (%v, its --%s)", n, unit, limit, flag), at...)
	}
}

func (p Policy) checkResources(problem reporter, r Resources, at ...string) {
	of := func(name string) []string { return append(slices.Clone(at), name) }
	for _, size := range []struct {
		name, flag string
		n, limit   Bytes
	}{
		{"memory", "max-memory", r.Memory, p.Max.Memory},
		{"shmSize", "max-shm-size", r.ShmSize, p.Max.ShmSize},
		{"disk", "max-disk", r.Disk, p.Max.Disk},
	} {
		if size.limit > 0 && size.n > size.limit {
			problem(fmt.Sprintf("%v is more than this worker allows (%v, its --%s)", size.n, size.limit, size.flag), of(size.name)...)
		}
	}
	atMost(problem, r.CPUs, p.Max.CPUs, " CPUs", "max-cpus", of("cpus")...)
	atMost(problem, float64(r.PIDs), float64(p.Max.PIDs), " processes", "max-pids", of("pids")...)
	if r.GPUs > p.Max.GPUs {
		problem(fmt.Sprintf("%d GPUs are more than this worker allows (%d, its --max-gpus)", r.GPUs, p.Max.GPUs), of("gpus")...)
	}
}

func (p Policy) checkImage(problem reporter, image Image, at ...string) {
	if len(p.Images) == 0 || image.Reference == (Reference{}) {
		return
	}
	if !slices.ContainsFunc(p.Images, func(pattern string) bool { return matches(pattern, image.Reference.String()) }) {
		problem(fmt.Sprintf("image %s is not among those that this worker runs (its --allow-image)", image.Reference), at...)
	}
}

// matches tells whether text is what a pattern says, in which * stands for any text.
func matches(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for {
		piece, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(text, piece)
		}
		_, after, ok := strings.Cut(text, piece)
		if !ok {
			return false
		}
		text, rest = after, more
	}
}
