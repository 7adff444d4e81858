package dockerapi

import (
	"context"
	"net/http"
	"net/url"
)

// Pruned is what a prune removed.
type Pruned struct {
	Deleted        []string // ids; names of volumes and networks
	SpaceReclaimed int64    // bytes; 0 for networks
}

// prune posts to a resource's prune endpoint. The engine refuses a second prune of the same kind with 409.
func (c *Client) prune(ctx context.Context, op, path string, filters Filters, out any) error {
	r := request{op: op, method: http.MethodPost, path: path, query: url.Values{}, idempotent: true}
	if err := c.requireCall(ctx, r, apiVersion{1, 25}); err != nil {
		return err
	}
	filters.addTo(r.query)
	return c.call(ctx, r, out)
}

// ContainerPrune removes the containers that have stopped. Without a filter ("label", "until") these are everybody's.
// Since API 1.25. Errors: 409 while another prune runs.
func (c *Client) ContainerPrune(ctx context.Context, filters Filters) (Pruned, error) {
	var out struct {
		ContainersDeleted []string
		SpaceReclaimed    int64
	}
	err := c.prune(ctx, "ContainerPrune", "/containers/prune", filters, &out)
	return Pruned{Deleted: out.ContainersDeleted, SpaceReclaimed: out.SpaceReclaimed}, err
}

// ImagePrune removes images without a name, or, with the filter {"dangling": {"false"}}, all that no container uses.
// Since API 1.25. Errors: 409 while another prune runs.
func (c *Client) ImagePrune(ctx context.Context, filters Filters) (Pruned, error) {
	var out struct {
		ImagesDeleted  []ImageDeleted
		SpaceReclaimed int64
	}
	err := c.prune(ctx, "ImagePrune", "/images/prune", filters, &out)
	pruned := Pruned{SpaceReclaimed: out.SpaceReclaimed}
	for _, image := range out.ImagesDeleted {
		if image.Deleted != "" {
			pruned.Deleted = append(pruned.Deleted, image.Deleted)
		}
	}
	return pruned, err
}

// VolumePrune removes volumes that no container uses. From API 1.42 on these are only the anonymous ones, unless the
// filter {"all": {"true"}} is given. Since API 1.25. Errors: 409 while another prune runs.
func (c *Client) VolumePrune(ctx context.Context, filters Filters) (Pruned, error) {
	var out struct {
		VolumesDeleted []string
		SpaceReclaimed int64
	}
	err := c.prune(ctx, "VolumePrune", "/volumes/prune", filters, &out)
	return Pruned{Deleted: out.VolumesDeleted, SpaceReclaimed: out.SpaceReclaimed}, err
}

// NetworkPrune removes networks that no container uses. Since API 1.25. Errors: 409 while another prune runs.
func (c *Client) NetworkPrune(ctx context.Context, filters Filters) (Pruned, error) {
	var out struct{ NetworksDeleted []string }
	err := c.prune(ctx, "NetworkPrune", "/networks/prune", filters, &out)
	return Pruned{Deleted: out.NetworksDeleted}, err
}
