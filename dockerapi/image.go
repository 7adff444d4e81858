package dockerapi

import (
	"context"
	"net/http"
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
