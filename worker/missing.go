package worker

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// defaultPath is where a command is looked for in a container whose environment does not say (as the engine has it).
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// The exit codes of an init for a command that cannot be started: Docker's has those of a shell, podman's has 1 for all.
const (
	codeNotExecutable = 126
	codeNotFound      = 127
	codeEither        = 1
)

// startFailure tells a command that could not be started from one that ended with such an exit code by its own will. The
// container's first process is an init, so that the engine sees a start that works in any case. nil: it was started, or
// nobody can tell.
func (e *execution) startFailure(ctx context.Context, c dockerapi.Container) error {
	code := c.State.ExitCode
	command := commandOf(c)
	if code != codeNotFound && code != codeNotExecutable && code != codeEither || command == "" {
		return nil
	}
	if code == codeEither && e.journal.hasOutput() {
		return nil // many commands end so, and this one has said something before
	}
	var found *dockerapi.PathStat
	for _, candidate := range candidates(c, command) {
		stat, err := e.engine.ContainerArchiveInfo(ctx, e.id, candidate)
		if err == nil {
			found = &stat
			break
		}
		if !dockerapi.IsNotFound(err) {
			e.logger.Warn("cannot look for the command in its container", "error", err)
			return nil
		}
	}
	switch {
	case found == nil && code != codeNotExecutable:
		return &TaskError{Reason: StartFailed, ExitCode: codeNotFound, Err: fmt.Errorf("start the command: %q is not in the container", command)}
	case found != nil && code != codeNotFound && (found.Mode.IsDir() || found.Mode.IsRegular() && found.Mode.Perm()&0o111 == 0):
		return &TaskError{Reason: StartFailed, ExitCode: codeNotExecutable, Err: fmt.Errorf("start the command: %q cannot be executed", command)}
	}
	return nil
}

// commandOf is the file that a container is to execute, behind the init. Its Path is that, or the init itself with podman.
func commandOf(c dockerapi.Container) string {
	if argv := append(slices.Clone(c.Config.Entrypoint), c.Config.Cmd...); len(argv) > 0 {
		return argv[0]
	}
	return ""
}

// candidates are the files that a container's command may be, in the order in which they are tried.
func candidates(c dockerapi.Container, command string) []string {
	inside := func(name string) string {
		if path.IsAbs(name) {
			return path.Clean(name)
		}
		return path.Join("/", c.Config.WorkingDir, name)
	}
	if strings.Contains(command, "/") {
		return []string{inside(command)}
	}
	search := defaultPath
	for _, variable := range c.Config.Env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			search = value // the last one counts
		}
	}
	var files []string
	for _, dir := range strings.Split(search, ":") {
		files = append(files, inside(path.Join(dir, command)))
	}
	return files
}
