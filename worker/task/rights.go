package task

import (
	"fmt"
	"slices"
	"strings"
)

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

// Right is something beyond the ordinary that a task asks for.
type Right struct {
	Field string // that asks for it, as a person names it
	Flag  string // of the worker that allows it: what follows --allow

	at      []string
	allowed func(Allowances) bool
}

// Rights are all that the task asks for beyond the ordinary.
func (t *Task) Rights() []Right {
	var rights []Right
	add := func(wanted bool, field, flag string, allowed func(Allowances) bool, at ...string) {
		if wanted {
			rights = append(rights, Right{field, flag, at, allowed})
		}
	}
	capability := func(name string) func(Allowances) bool {
		return func(a Allowances) bool { return slices.Contains(a.Capabilities, strings.TrimPrefix(name, "CAP_")) }
	}
	c := t.Capabilities
	add(c.Privileged, "capabilities.privileged", "privileged",
		func(a Allowances) bool { return a.Privileged }, "capabilities", "privileged")
	add(c.DisableSeccomp, "capabilities.disableSeccomp", "no-seccomp",
		func(a Allowances) bool { return a.NoSeccomp || a.Privileged }, "capabilities", "disableSeccomp")
	// What the engine gives by itself and this worker takes away needs the flag as well.
	for i, name := range c.Add {
		add(true, "capabilities.add "+name, "capability="+name, capability(name), "capabilities", "add", fmt.Sprint(i))
	}
	add(t.Features.AllowPtrace, "features.allowPtrace", "capability=SYS_PTRACE", capability("SYS_PTRACE"), "features", "allowPtrace")
	for _, device := range []struct {
		name   string
		wanted bool
	}{{"kvm", c.Devices.KVM}, {"loopbackVideo", c.Devices.LoopbackVideo}, {"loopbackAudio", c.Devices.LoopbackAudio}} {
		add(device.wanted, "capabilities.devices."+device.name, "device="+device.name,
			func(a Allowances) bool { return slices.Contains(a.Devices, device.name) }, "capabilities", "devices", device.name)
	}
	ordinary := t.Network == "" || t.Network == DefaultNetwork || t.Network == "none"
	add(!ordinary, "network "+Bounded(t.Network), "network="+Bounded(t.Network),
		func(a Allowances) bool { return slices.Contains(a.Networks, t.Network) }, "network")
	return rights
}

// check refuses rights that this host does not give, and names the flag that would.
func (a Allowances) check(problem reporter, t *Task) {
	for _, r := range t.Rights() {
		if !r.allowed(a) {
			problem("is not allowed on this worker; it would need --allow "+r.Flag, r.at...)
		}
	}
}
