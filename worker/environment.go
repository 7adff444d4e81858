package worker

import "github.com/docker-worker/docker-worker/worker/task"

// environment is a container's, sorted by nothing in particular: the engine keeps the order it is given, and the last of
// two wins, so the worker's own come last.
func environment(variables map[string]task.Variable, own map[string]string) []string {
	env := make([]string, 0, len(variables)+len(own))
	for name, variable := range variables {
		env = append(env, name+"="+variable.Value)
	}
	for _, name := range task.Reserved {
		if value, ok := own[name]; ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
