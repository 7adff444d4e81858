package dockerapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// Exit codes that the engine records for a container that could not be started.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// ContainerStart starts a container. One that runs already is success (304).
//
// When it fails, the container's state tells why: engines record exit code 127 for a command that does not exist and
// 126 for one that cannot be executed, while the container stays "created" ([IsCommandNotFound],
// [IsCommandNotExecutable]). So a failed start costs one inspection. After it, an attach that was open ends, but a wait
// for the next exit stays open until the container is removed: close it.
//
// Errors: 400 for a command that cannot be run (podman says 500), 404, 500 for what the runtime refuses, a user that
// the image does not have among it.
func (c *Client) ContainerStart(ctx context.Context, id string) error {
	r, err := containerRequest("ContainerStart", http.MethodPost, id, "/start")
	if err != nil {
		return err
	}
	err = c.call(ctx, r, nil)
	if err == nil || IsNotModified(err) {
		return nil
	}
	failed, ok := errors.AsType[*Error](err)
	if ok && failed.StatusCode >= 400 && failed.StatusCode != http.StatusNotFound {
		failed.kind = c.whyNotStarted(ctx, id, failed)
	}
	return err
}

// whyNotStarted asks the container's state, and falls back to the message of the OCI runtime.
func (c *Client) whyNotStarted(ctx context.Context, id string, failed *Error) kind {
	if seen, err := c.ContainerInspect(ctx, id); err == nil && !seen.State.Running {
		switch seen.State.ExitCode {
		case exitNotFound:
			return kindNoCommand
		case exitNotExecutable:
			return kindNotExecutable
		}
	}
	return startFailure(failed.Message)
}

// startFailure reads the message of the OCI runtime: the only place where it is matched. runc says `exec: "x":
// executable file not found in $PATH`, `exec: "/x": stat /x: no such file or directory` and `exec: "/x": permission
// denied`; the same phrases come from crun, with other words around them.
func startFailure(message string) kind {
	if !strings.Contains(message, "exec") {
		return kindStatus
	}
	switch {
	case strings.Contains(message, "executable file") && strings.Contains(message, "not found"),
		strings.Contains(message, "no such file or directory"):
		return kindNoCommand
	case strings.Contains(message, "permission denied"), strings.Contains(message, "exec format error"):
		return kindNotExecutable
	}
	return kindStatus
}
