package dockerapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// VolumeConfig is a volume to be.
type VolumeConfig struct {
	Name       string            `json:",omitempty"` // "" is made up
	Driver     string            `json:",omitempty"` // "" is "local"
	DriverOpts map[string]string `json:",omitempty"`
	Labels     map[string]string `json:",omitempty" since:"1.23"`
}

// Volume is a volume.
type Volume struct {
	Name       string
	Driver     string
	Mountpoint string // on the host
	CreatedAt  time.Time
	Labels     map[string]string
	Options    map[string]string
	Scope      string
}

// VolumeCreate makes a volume. One that exists under the name is returned as it is, whatever its labels.
func (c *Client) VolumeCreate(ctx context.Context, cfg VolumeConfig) (Volume, error) {
	var out Volume
	r := request{op: "VolumeCreate", method: http.MethodPost, path: "/volumes/create", json: cfg, idempotent: cfg.Name != ""}
	if err := c.require(ctx, r, cfg); err != nil {
		return out, err
	}
	err := c.call(ctx, r, &out)
	return out, err
}

// volumeRequest is a request about one volume.
func volumeRequest(op, method, name string) (request, error) {
	r := request{op: op, method: method}
	escaped, err := escapeName(name)
	if err != nil {
		return r, r.invalid(err)
	}
	r.path = "/volumes/" + escaped
	return r, nil
}

// VolumeInspect shows a volume. Errors: 404.
func (c *Client) VolumeInspect(ctx context.Context, name string) (Volume, error) {
	var out Volume
	r, err := volumeRequest("VolumeInspect", http.MethodGet, name)
	if err != nil {
		return out, err
	}
	err = c.call(ctx, r, &out)
	return out, err
}

// VolumeList lists volumes, for example by {"label": {"key=value"}, "dangling": {"true"}}.
func (c *Client) VolumeList(ctx context.Context, filters Filters) ([]Volume, error) {
	query := url.Values{}
	filters.addTo(query)
	var out struct{ Volumes []Volume }
	err := c.call(ctx, request{op: "VolumeList", method: http.MethodGet, path: "/volumes", query: query}, &out)
	return out.Volumes, err
}

// VolumeRemove removes a volume. One that does not exist is success. The operationId is VolumeDelete.
// With force, the volume of a driver that is gone is forgotten. Errors: 409 while a container has it, running or not.
func (c *Client) VolumeRemove(ctx context.Context, name string, force bool) error {
	r, err := volumeRequest("VolumeDelete", http.MethodDelete, name)
	if err != nil {
		return err
	}
	r.query = url.Values{}
	setTrue(r.query, "force", force)
	return ignoreNotFound(c.call(ctx, r, nil))
}
