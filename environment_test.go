package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// start refuses a variable that is probably misspelt, before it asks anybody, and says which was meant.
func TestStartRefusesUnknownVariables(t *testing.T) {
	for name, test := range map[string]struct {
		variables []string
		say       []string // parts of what is said
	}{
		"letters changed places": {[]string{"CAPACTIY"}, []string{"DOCKER_WORKER_CAPACTIY (did you mean DOCKER_WORKER_CAPACITY?)"}},
		"a word left out":        {[]string{"RUN_TIME"}, []string{"DOCKER_WORKER_RUN_TIME (did you mean DOCKER_WORKER_MAX_RUN_TIME?)"}},
		"two":                    {[]string{"LAESE", "AMPQ"}, []string{"DOCKER_WORKER_AMPQ (did you mean DOCKER_WORKER_AMQP?), nor DOCKER_WORKER_LAESE (did you mean DOCKER_WORKER_LEASE?)"}},
		"of another command":     {[]string{"DRY_RUN"}, []string{"--capacity 0"}},
		"of the systemd unit":    {[]string{"QUEUE"}, []string{"--capacity 0"}},
		"none":                   {nil, []string{"--capacity 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			withoutVariables(t)
			for _, variable := range test.variables {
				t.Setenv(variablePrefix+variable, "true")
			}
			var stderr bytes.Buffer
			code := run(t.Context(), []string{"docker-worker", "start", "--capacity", "0", "q"}, nil, &stderr, &stderr)
			if code != exitConfig {
				t.Errorf("exit code %d, want %d", code, exitConfig)
			}
			for _, text := range test.say {
				if !strings.Contains(stderr.String(), text) {
					t.Errorf("it says %q, want %q in it", stderr.String(), text)
				}
			}
		})
	}
}

// withoutVariables takes away those of ours that whoever runs the tests has set.
func withoutVariables(t *testing.T) {
	t.Helper()
	for _, setting := range os.Environ() {
		if name, value, _ := strings.Cut(setting, "="); strings.HasPrefix(name, variablePrefix) {
			t.Setenv(name, value) // which puts it back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}
