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

// Allowances are the rights beyond the ordinary that a host gives to tasks that ask for them.
type Allowances struct {
	Privileged   bool
	NoSeccomp    bool
	Devices      []string // as capabilities.devices names them
	Capabilities []string // of Linux, without CAP_
	Networks     []string // beside bridge and none
}

// ParseAllowance adds what one --allow says.
func (a *Allowances) ParseAllowance(text string) error {
	what, value, has := strings.Cut(text, "=")
	switch {
	case what == "privileged" && !has:
		a.Privileged = true
	case what == "no-seccomp" && !has:
		a.NoSeccomp = true
	case what == "device" && slices.Contains([]string{"kvm", "loopbackVideo", "loopbackAudio"}, value):
		a.Devices = append(a.Devices, value)
	case what == "capability" && value != "":
		a.Capabilities = append(a.Capabilities, strings.TrimPrefix(strings.ToUpper(value), "CAP_"))
	case what == "network" && value != "":
		a.Networks = append(a.Networks, value)
	default:
		return fmt.Errorf("%q is nothing that can be allowed: it is privileged, no-seccomp, device=kvm, device=loopbackVideo, device=loopbackAudio, capability=NAME or network=NAME", text)
	}
	return nil
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

// check refuses rights that this host does not give, and names the flag that would.
func (a Allowances) check(problem reporter, t *Task) {
	need := func(wanted, allowed bool, flag string, at ...string) {
		if wanted && !allowed {
			problem("is not allowed on this worker; it would need --allow "+flag, at...)
		}
	}
	c := t.Capabilities
	need(c.Privileged, a.Privileged, "privileged", "capabilities", "privileged")
	need(c.DisableSeccomp, a.NoSeccomp || a.Privileged, "no-seccomp", "capabilities", "disableSeccomp")
	for i, name := range c.Add {
		need(true, a.capability(name), "capability="+name, "capabilities", "add", fmt.Sprint(i))
	}
	need(t.Features.AllowPtrace, a.capability("SYS_PTRACE"), "capability=SYS_PTRACE", "features", "allowPtrace")
	for name, wanted := range c.Devices.names() {
		need(wanted, slices.Contains(a.Devices, name), "device="+name, "capabilities", "devices", name)
	}
	ordinary := t.Network == "" || t.Network == DefaultNetwork || t.Network == "none"
	need(!ordinary, slices.Contains(a.Networks, t.Network), "network="+Bounded(t.Network), "network")
}

// capability tells whether a Linux capability may be asked for. What the engine gives by itself and this worker takes
// away needs the flag as well.
func (a Allowances) capability(name string) bool {
	return slices.Contains(a.Capabilities, strings.TrimPrefix(name, "CAP_"))
}

func (d Devices) names() map[string]bool {
	return map[string]bool{"kvm": d.KVM, "loopbackVideo": d.LoopbackVideo, "loopbackAudio": d.LoopbackAudio}
}
