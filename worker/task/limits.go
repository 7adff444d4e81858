package task

// Origin says who set a limit.
type Origin string

// The origins, in the order in which they are asked.
const (
	FromTask    Origin = "task"
	FromDefault Origin = "worker default"
	FromMaximum Origin = "worker maximum"
)

// Limits is what applies to a container, and where each of them comes from, by the field's name.
type Limits struct {
	Resources
	Origins map[string]Origin
}

// Limits is what applies to a container that asks for r: what it says, else the worker's default, else the worker's
// maximum; where none of them says anything there is no limit. More CPUs than the host has are those that it has.
func (p Policy) Limits(r Resources) Limits {
	l := Limits{Origins: map[string]Origin{}}
	l.Memory = pick(l, "memory", r.Memory, p.Default.Memory, p.Max.Memory)
	l.CPUs = pick(l, "cpus", r.CPUs, p.Default.CPUs, p.Max.CPUs)
	if p.HostCPUs > 0 {
		l.CPUs = min(l.CPUs, p.HostCPUs)
	}
	l.PIDs = pick(l, "pids", r.PIDs, p.Default.PIDs, p.Max.PIDs)
	l.ShmSize = pick(l, "shmSize", r.ShmSize, p.Default.ShmSize, 0)
	l.Disk = pick(l, "disk", r.Disk, p.Default.Disk, p.Max.Disk)
	l.GPUs = pick(l, "gpus", r.GPUs, 0, 0)
	if len(r.Ulimits) > 0 {
		l.Ulimits, l.Origins["ulimits"] = r.Ulimits, FromTask
	} else if len(p.Default.Ulimits) > 0 {
		l.Ulimits, l.Origins["ulimits"] = p.Default.Ulimits, FromDefault
	}
	return l
}

// pick is the first of the three that is set. A default above the maximum is the maximum.
func pick[T Bytes | int | int64 | float64](l Limits, name string, asked, standard, most T) T {
	if most > 0 && standard > most {
		standard = 0
	}
	switch {
	case asked != 0:
		l.Origins[name] = FromTask
		return asked
	case standard != 0:
		l.Origins[name] = FromDefault
		return standard
	case most != 0:
		l.Origins[name] = FromMaximum
		return most
	}
	return 0
}
