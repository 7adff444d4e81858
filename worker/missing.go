package worker

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// defaultPath is where a command is looked for in a container whose environment does not say (as the engine has it).
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// The exit codes of an init, as of a shell, for a command that cannot be started.
const (
	codeNotExecutable = 126
	codeNotFound      = 127
)

// startFailure tells a command that could not be started from one that ended with 126 or 127 by its own will. The
// container's first process is an init, so that the engine sees a start that works in any case. nil: it was started, or
// nobody can tell.
func (e *execution) startFailure(ctx context.Context, c dockerapi.Container) error {
	if code := c.State.ExitCode; code != codeNotFound && code != codeNotExecutable || c.Path == "" {
		return nil
	}
	var found *dockerapi.PathStat
	for _, candidate := range candidates(c) {
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
	switch code := c.State.ExitCode; {
	case found == nil && code == codeNotFound:
		return &TaskError{Reason: StartFailed, ExitCode: code, Err: fmt.Errorf("start the command: %q is not in the container", c.Path)}
	case found != nil && code == codeNotExecutable && (found.Mode.IsDir() || found.Mode.IsRegular() && found.Mode.Perm()&0o111 == 0):
		return &TaskError{Reason: StartFailed, ExitCode: code, Err: fmt.Errorf("start the command: %q cannot be executed", c.Path)}
	}
	return nil
}

// candidates are the files that a container's command may be, in the order in which they are tried.
func candidates(c dockerapi.Container) []string {
	inside := func(name string) string {
		if path.IsAbs(name) {
			return path.Clean(name)
		}
		return path.Join("/", c.Config.WorkingDir, name)
	}
	if strings.Contains(c.Path, "/") {
		return []string{inside(c.Path)}
	}
	search := defaultPath
	for _, variable := range c.Config.Env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			search = value // the last one counts
		}
	}
	var files []string
	for _, dir := range strings.Split(search, ":") {
		files = append(files, inside(path.Join(dir, c.Path)))
	}
	return files
}
