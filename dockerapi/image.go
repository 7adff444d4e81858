package dockerapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Image is what an inspection shows of an image.
type Image struct {
	ID           string   `json:"Id"` // with the containerd store (engine 29) the digest of the manifest or index, else of the configuration
	RepoTags     []string // may be empty
	RepoDigests  []string // "name@sha256:…", of registries it was pulled from
	Created      time.Time
	Size         int64  // bytes
	OS           string `json:"Os"`
	Architecture string
	Variant      string
	Config       ImageConfig
	RootFS       RootFS
}

// ImageConfig is what a container gets from its image where it does not say otherwise.
type ImageConfig struct {
	Cmd          []string
	Entrypoint   []string
	Env          []string
	WorkingDir   string
	User         string
	Labels       map[string]string
	StopSignal   string
	Volumes      map[string]struct{}
	ExposedPorts map[string]struct{}
}

// RootFS are the layers of an image.
type RootFS struct {
	Type   string
	Layers []string
}

// ImageInspect shows a local image, by reference or id. Errors: 404.
func (c *Client) ImageInspect(ctx context.Context, ref string) (Image, error) {
	var out Image
	r := request{op: "ImageInspect", method: http.MethodGet}
	name, err := escapeImage(ref)
	if err != nil {
		return out, r.invalid(err)
	}
	r.path = "/images/" + name + "/json"
	err = c.call(ctx, r, &out)
	return out, err
}

// ImageListOptions select images.
type ImageListOptions struct {
	All     bool    // also the layers between
	Filters Filters // for example {"reference": {"busybox:*"}, "label": {"key=value"}, "dangling": {"true"}}
}

// ImageSummary is an image in a list.
type ImageSummary struct {
	ID          string   `json:"Id"`
	RepoTags    []string // may be empty, or "<none>:<none>" before API 1.43
	RepoDigests []string
	Created     int64 // seconds since 1970
	Size        int64 // bytes
	Labels      map[string]string
}

// ImageList lists local images. Errors: 400 for a filter that does not exist.
func (c *Client) ImageList(ctx context.Context, opts ImageListOptions) ([]ImageSummary, error) {
	query := url.Values{}
	setTrue(query, "all", opts.All)
	opts.Filters.addTo(query)
	var out []ImageSummary
	err := c.call(ctx, request{op: "ImageList", method: http.MethodGet, path: "/images/json", query: query}, &out)
	return out, err
}

// ImageRemoveOptions tell how an image is removed.
type ImageRemoveOptions struct {
	Force   bool // also when a stopped container uses it, or it has more names
	NoPrune bool // keep its parents without a name
}

// ImageDeleted is one step of a removal: a name that is gone, or an image.
type ImageDeleted struct {
	Untagged string `json:",omitempty"`
	Deleted  string `json:",omitempty"`
}

// ImageRemove removes a name, and with the last name the image. One that does not exist is success, without steps.
// The operationId is ImageDelete. Errors: 409 when a container uses it.
func (c *Client) ImageRemove(ctx context.Context, ref string, opts ImageRemoveOptions) ([]ImageDeleted, error) {
	r := request{op: "ImageDelete", method: http.MethodDelete, query: url.Values{}}
	name, err := escapeImage(ref)
	if err != nil {
		return nil, r.invalid(err)
	}
	r.path = "/images/" + name
	setTrue(r.query, "force", opts.Force)
	setTrue(r.query, "noprune", opts.NoPrune)
	var out []ImageDeleted
	return out, ignoreNotFound(c.call(ctx, r, &out))
}
