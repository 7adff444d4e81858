package dockerapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// NetworkConfig is a network to be.
type NetworkConfig struct {
	Name       string
	Driver     string            `json:",omitempty"` // "" is "bridge"
	Internal   bool              `json:",omitempty"` // no way out
	Attachable bool              `json:",omitempty" since:"1.25"`
	EnableIPv6 bool              `json:",omitempty"`
	IPAM       IPAM              `json:",omitzero"`
	Options    map[string]string `json:",omitempty"` // of the driver, for example "com.docker.network.bridge.name"
	Labels     map[string]string `json:",omitempty"`
}

// IPAM says which addresses a network has; the zero value leaves it to the engine.
type IPAM struct {
	Driver string       `json:",omitempty"`
	Config []IPAMConfig `json:",omitempty"`
}

// IPAMConfig is one subnet.
type IPAMConfig struct {
	Subnet  string `json:",omitempty"` // CIDR
	IPRange string `json:",omitempty"` // CIDR
	Gateway string `json:",omitempty"`
}

// Network is what an inspection shows.
type Network struct {
	ID         string `json:"Id"`
	Name       string
	Created    time.Time
	Driver     string
	Scope      string
	Internal   bool
	IPAM       IPAM
	Options    map[string]string
	Labels     map[string]string
	Containers map[string]NetworkContainer // by id; those that run; empty in lists
}

// NetworkContainer is a container in a network.
type NetworkContainer struct {
	Name        string
	IPv4Address string // CIDR
}

// NetworkCreate makes a network and returns its id. Delete it by that: names were not always unique.
// Errors: 403 for a name that the engine keeps for itself, 404 for a driver, 409 when the name is taken (podman says
// 500), 500 when the engine has no addresses left.
func (c *Client) NetworkCreate(ctx context.Context, cfg NetworkConfig) (string, error) {
	r := request{op: "NetworkCreate", method: http.MethodPost, path: "/networks/create"}
	if cfg.Name == "" {
		return "", r.invalid(ErrEmptyID)
	}
	if err := c.require(ctx, r, cfg); err != nil {
		return "", err
	}
	version, err := c.version(ctx)
	if err != nil {
		return "", err
	}
	r.json = struct {
		NetworkConfig
		// Without it, engines below API 1.44 make a second network of the same name.
		CheckDuplicate bool `json:",omitempty"`
	}{cfg, version.less(apiVersion{1, 44})}
	var out struct {
		ID string `json:"Id"`
	}
	err = c.call(ctx, r, &out)
	return out.ID, err
}

// networkRequest is a request about one network.
func networkRequest(op, method, id, suffix string) (request, error) {
	r := request{op: op, method: method}
	name, err := escapeName(id)
	if err != nil {
		return r, r.invalid(err)
	}
	r.path = "/networks/" + name + suffix
	return r, nil
}

// NetworkInspect shows a network, by id or name. Errors: 404.
func (c *Client) NetworkInspect(ctx context.Context, id string) (Network, error) {
	var out Network
	r, err := networkRequest("NetworkInspect", http.MethodGet, id, "")
	if err != nil {
		return out, err
	}
	err = c.call(ctx, r, &out)
	return out, err
}

// NetworkList lists networks, for example by {"label": {"key=value"}}.
func (c *Client) NetworkList(ctx context.Context, filters Filters) ([]Network, error) {
	query := url.Values{}
	filters.addTo(query)
	var out []Network
	err := c.call(ctx, request{op: "NetworkList", method: http.MethodGet, path: "/networks", query: query}, &out)
	return out, err
}

// NetworkRemove removes a network. One that does not exist is success. The operationId is NetworkDelete.
// Errors: 403 while containers are in it (podman says 500), and for the engine's own.
func (c *Client) NetworkRemove(ctx context.Context, id string) error {
	r, err := networkRequest("NetworkDelete", http.MethodDelete, id, "")
	if err != nil {
		return err
	}
	return ignoreNotFound(c.call(ctx, r, nil))
}

// NetworkConnect puts a container into one more network. Errors: 403, 404, 409 when it is in it already.
func (c *Client) NetworkConnect(ctx context.Context, id, container string, endpoint EndpointConfig) error {
	r, err := networkRequest("NetworkConnect", http.MethodPost, id, "/connect")
	if err != nil {
		return err
	}
	if container == "" {
		return r.invalid(ErrEmptyID)
	}
	r.json = struct {
		Container      string
		EndpointConfig EndpointConfig `json:",omitzero"`
	}{container, endpoint}
	return c.call(ctx, r, nil)
}

// NetworkDisconnect takes a container out of a network. With force also one that is not there any more.
// Errors: 404, 403.
func (c *Client) NetworkDisconnect(ctx context.Context, id, container string, force bool) error {
	r, err := networkRequest("NetworkDisconnect", http.MethodPost, id, "/disconnect")
	if err != nil {
		return err
	}
	if container == "" {
		return r.invalid(ErrEmptyID)
	}
	r.json = struct {
		Container string
		Force     bool `json:",omitempty"`
	}{container, force}
	return c.call(ctx, r, nil)
}
