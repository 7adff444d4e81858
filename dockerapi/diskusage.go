package dockerapi

import (
	"context"
	"net/http"
	"net/url"
)

// DiskUsage is what the engine keeps on disk.
type DiskUsage struct {
	LayersSize int64 // bytes of all images, shared layers counted once
	Images     []ImageUsage
	Containers []ContainerUsage
	Volumes    []VolumeUsage
}

// ImageUsage is an image on disk.
type ImageUsage struct {
	ID         string `json:"Id"`
	RepoTags   []string
	Size       int64 // bytes, with what it shares
	SharedSize int64 // bytes that other images have too
	Containers int   // that use it, running or not
}

// ContainerUsage is a container on disk.
type ContainerUsage struct {
	ID     string `json:"Id"`
	Names  []string
	State  string
	SizeRw int64 // bytes that it wrote
}

// VolumeUsage is a volume on disk.
type VolumeUsage struct {
	Name      string
	Labels    map[string]string
	UsageData struct {
		Size     int64 // bytes, -1 when the driver cannot tell
		RefCount int   // containers that have it
	}
}

// DiskUsageOptions narrow the question.
type DiskUsageOptions struct {
	// Types are "image", "container", "volume", "build-cache": counting less is faster. nil is all.
	Types []string `since:"1.42"`
}

// SystemDataUsage counts what is on disk. It can take minutes on a large host, and engines before 23 refuse a second
// one meanwhile. Since API 1.25.
func (c *Client) SystemDataUsage(ctx context.Context, opts DiskUsageOptions) (DiskUsage, error) {
	var out DiskUsage
	r := request{op: "SystemDataUsage", method: http.MethodGet, path: "/system/df", query: url.Values{}}
	if err := c.requireCall(ctx, r, apiVersion{1, 25}); err != nil {
		return out, err
	}
	if err := c.require(ctx, r, opts); err != nil {
		return out, err
	}
	if len(opts.Types) > 0 {
		r.query["type"] = opts.Types
	}
	err := c.call(ctx, r, &out)
	return out, err
}
