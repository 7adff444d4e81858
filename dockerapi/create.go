package dockerapi

import (
	"context"
	"net/http"
	"net/url"
)

// ContainerConfig is a container to be. Fields with a `since` tag are refused, not dropped, when the engine's API is
// older.
type ContainerConfig struct {
	Image      string            // reference or id; 404 when it is not there: pull, then try once more
	Cmd        []string          `json:",omitempty"` // nil is the image's
	Entrypoint []string          `json:",omitempty"` // nil is the image's
	Env        []string          `json:",omitempty"` // "NAME=value"; "NAME" alone takes the variable away
	WorkingDir string            `json:",omitempty"`
	User       string            `json:",omitempty"` // "name", "uid", "user:group"; it must exist in the image unless it is a number
	Hostname   string            `json:",omitempty"` // not with NetworkMode host or container:…
	Labels     map[string]string `json:",omitempty"`

	// StopSignal is sent by stop, for example "SIGTERM"; "" is the image's, else SIGTERM.
	StopSignal string `json:",omitempty" since:"1.21"`

	Tty          bool `json:",omitempty"` // one raw stream with CR LF, instead of frames
	OpenStdin    bool `json:",omitempty"` // there is a standard input
	StdinOnce    bool `json:",omitempty"` // the end of the first attached client's input is the end of the process's
	AttachStdin  bool `json:",omitempty"`
	AttachStdout bool `json:",omitempty"`
	AttachStderr bool `json:",omitempty"`

	HostConfig       HostConfig
	NetworkingConfig NetworkingConfig `json:",omitzero" since:"1.22"`

	// Platform ("linux/amd64") must be that of the local image, else 404. It travels in the query.
	Platform string `json:"-" since:"1.41"`
}

// NetworkingConfig says how a container joins the networks it is created with. Before API 1.44 there may be one entry.
type NetworkingConfig struct {
	EndpointsConfig map[string]EndpointConfig
}

// EndpointConfig is a container's place in one network, by the network's name or id.
type EndpointConfig struct {
	Aliases    []string           `json:",omitempty"` // names for the others in a network that a user made
	IPAMConfig EndpointIPAMConfig `json:",omitzero"`
}

// EndpointIPAMConfig asks for an address.
type EndpointIPAMConfig struct {
	IPv4Address string `json:",omitempty"`
}

// ContainerCreated is a new container.
type ContainerCreated struct {
	ID       string `json:"Id"`
	Warnings []string
}

// ContainerCreate makes a container, without starting it. With name "" the engine makes a name up; a name that only
// this container can have tells later whether a call that broke off had worked. The engine goes on creating when the
// context is cancelled: clean up by name.
//
// The engine accepts unknown fields without a word, and drops those that its API version does not know. So fields
// newer than the negotiated version are an [*UnsupportedError] here, and Warnings are worth a log line.
//
// Errors: 400 for a configuration that cannot be, 404 when the image is not there, 409 when the name is taken (podman
// says 500), [*UnsupportedError].
func (c *Client) ContainerCreate(ctx context.Context, name string, cfg ContainerConfig) (ContainerCreated, error) {
	r := request{op: "ContainerCreate", method: http.MethodPost, path: "/containers/create", query: url.Values{}, json: cfg}
	if err := c.require(ctx, r, cfg); err != nil {
		return ContainerCreated{}, err
	}
	if name != "" {
		r.query.Set("name", name)
	}
	if cfg.Platform != "" {
		r.query.Set("platform", cfg.Platform)
	}
	var out ContainerCreated
	err := c.call(ctx, r, &out)
	return out, err
}
