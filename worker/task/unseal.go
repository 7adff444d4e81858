package task

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// Unseal opens every sealed variable, those of services included, and keeps what it finds as its value. The error is a
// *MalformedError that names each variable that open refuses.
func (t *Task) Unseal(open func(name, sealed string) (string, error)) error {
	var found []finding
	unseal := func(env map[string]Variable, at ...string) {
		for name, v := range env {
			if v.Sealed == "" {
				continue
			}
			value, err := open(name, v.Sealed)
			if err == nil && strings.ContainsRune(value, 0) {
				err = errors.New("its value has a zero byte, which no variable can have")
			}
			if err != nil {
				found = append(found, finding{append(slices.Clone(at), "env", name, "sealed"), err.Error()})
				continue
			}
			env[name] = Variable{Value: value, Sealed: v.Sealed}
		}
	}
	unseal(t.Env)
	for name, service := range t.Services {
		unseal(service.Env, "services", name)
	}
	if len(found) > 0 {
		return &MalformedError{Problems: problemsOf(found)}
	}
	return nil
}

// Secret is a variable whose value does not leave the worker.
type Secret struct{ Name, Value string }

// SecretValues are the variables that are named in secrets, and all that were sealed, in the order of their names. A
// service's count as the task's own.
func (t *Task) SecretValues() []Secret {
	var secrets []Secret
	collect := func(env map[string]Variable) {
		for _, name := range slices.Sorted(maps.Keys(env)) {
			if v := env[name]; v.Sealed != "" || slices.Contains(t.Secrets, name) {
				secrets = append(secrets, Secret{name, v.Value})
			}
		}
	}
	collect(t.Env)
	for _, name := range slices.Sorted(maps.Keys(t.Services)) {
		collect(t.Services[name].Env)
	}
	slices.SortStableFunc(secrets, func(a, b Secret) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(secrets)
}
