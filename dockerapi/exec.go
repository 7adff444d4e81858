package dockerapi

import (
	"context"
	"net/http"
)

// ExecConfig is a process to be in a running container.
type ExecConfig struct {
	Cmd          []string
	Env          []string `json:",omitempty" since:"1.25"`
	WorkingDir   string   `json:",omitempty" since:"1.35"`
	User         string   `json:",omitempty"`
	Tty          bool     `json:",omitempty"`
	Privileged   bool     `json:",omitempty"`
	AttachStdin  bool     `json:",omitempty"`
	AttachStdout bool     `json:",omitempty"`
	AttachStderr bool     `json:",omitempty"`
}

// ExecState is where such a process is in its life.
type ExecState struct {
	ID          string `json:"ID"`
	ContainerID string
	Running     bool
	ExitCode    *int // nil while it runs
	Pid         int
}

// ContainerExec prepares a process and returns its id; [Client.ExecStart] starts it.
// Errors: 404, 409 when the container does not run.
func (c *Client) ContainerExec(ctx context.Context, container string, cfg ExecConfig) (string, error) {
	r, err := containerRequest("ContainerExec", http.MethodPost, container, "/exec")
	if err != nil {
		return "", err
	}
	if err := c.require(ctx, r, cfg); err != nil {
		return "", err
	}
	r.json = cfg
	var out struct {
		ID string `json:"Id"`
	}
	err = c.call(ctx, r, &out)
	return out.ID, err
}

// execRequest is a request about one process.
func execRequest(op, method, id, suffix string) (request, error) {
	r := request{op: op, method: method}
	name, err := escapeName(id)
	if err != nil {
		return r, r.invalid(err)
	}
	r.path = "/exec/" + name + suffix
	return r, nil
}

// ExecStart starts the process and returns its streams, as they were asked for in [ExecConfig]; tty is as there.
// The context bounds the stream, not the process: nothing in the API ends a process but its container.
//
// A command that does not exist is no error here: the runtime's message is in the stream, and [Client.ExecInspect]
// has exit code 126 or 127, depending on the runtime. Errors: 404, 409 when it was started before, or the container
// does not run.
func (c *Client) ExecStart(ctx context.Context, id string, tty bool) (*Attachment, error) {
	r, err := execRequest("ExecStart", http.MethodPost, id, "/start")
	if err != nil {
		return nil, err
	}
	r.json = struct{ Tty bool }{tty}
	return c.upgrade(ctx, r, true)
}

// ExecInspect shows the process. At the end of its stream it may be running for a moment still. Errors: 404.
func (c *Client) ExecInspect(ctx context.Context, id string) (ExecState, error) {
	var out ExecState
	r, err := execRequest("ExecInspect", http.MethodGet, id, "/json")
	if err != nil {
		return out, err
	}
	err = c.call(ctx, r, &out)
	return out, err
}
