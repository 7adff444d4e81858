package dockerapi

import (
	"context"
)

func resourceRecordings() []recording {
	createNetwork := get(func(ctx context.Context, c *Client) (string, error) {
		return c.NetworkCreate(ctx, NetworkConfig{
			Name: "rec-network", Driver: "bridge", Internal: true, Attachable: true, Labels: recordedLabels,
			IPAM:    IPAM{Driver: "default", Config: []IPAMConfig{{Subnet: "172.30.29.0/24", IPRange: "172.30.29.128/25", Gateway: "172.30.29.1"}}},
			Options: map[string]string{"com.docker.network.bridge.name": "dw-recording"},
		})
	})
	inspectNetwork := func(id string) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) (Network, error) { return c.NetworkInspect(ctx, id) })
	}
	removeNetwork := func(id string) func(context.Context, *Client, func()) (any, error) {
		return just(func(ctx context.Context, c *Client) error { return c.NetworkRemove(ctx, id) })
	}
	createVolume := get(func(ctx context.Context, c *Client) (Volume, error) {
		return c.VolumeCreate(ctx, VolumeConfig{Name: "rec-volume", Driver: "local", Labels: recordedLabels})
	})
	inspectVolume := func(id string) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) (Volume, error) { return c.VolumeInspect(ctx, id) })
	}
	removeVolume := func(id string) func(context.Context, *Client, func()) (any, error) {
		return just(func(ctx context.Context, c *Client) error { return c.VolumeRemove(ctx, id, false) })
	}
	exec := func(id string) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) (string, error) {
			return c.ContainerExec(ctx, id, ExecConfig{
				Cmd: []string{"sleep", "1"}, Env: []string{"A=b"}, WorkingDir: "/tmp", User: "0", AttachStdout: true, AttachStderr: true,
			})
		})
	}
	return []recording{
		{name: "NetworkCreate", call: createNetwork, check: is(func(id string) bool { return len(id) == 64 })},
		{name: "NetworkCreate-conflict", call: createNetwork, want: "conflict", podman: "temporary"},
		{name: "NetworkInspect", call: inspectNetwork("rec-network"), check: is(func(n Network) bool {
			return n.Name == "rec-network" && n.Internal && n.Driver == "bridge" && n.IPAM.Config[0].Subnet == "172.30.29.0/24"
		})},
		{name: "NetworkInspect-missing", call: inspectNetwork("rec-none"), want: "not found"},
		{name: "NetworkList", call: get(func(ctx context.Context, c *Client) ([]Network, error) {
			return c.NetworkList(ctx, Filters{"name": {"rec-network"}, "label": {"dockerapi.test=recording"}})
		}), check: is(func(l []Network) bool { return len(l) == 1 && l[0].Name == "rec-network" })},
		{name: "NetworkConnect", call: just(func(ctx context.Context, c *Client) error {
			return c.NetworkConnect(ctx, "rec-network", "rec-member", EndpointConfig{Aliases: []string{"alias"}, IPAMConfig: EndpointIPAMConfig{IPv4Address: "172.30.29.130"}})
		})},
		{name: "NetworkRemove-in-use", call: removeNetwork("rec-network"), want: "denied", podman: "temporary"},
		{name: "NetworkDisconnect", call: just(func(ctx context.Context, c *Client) error {
			return c.NetworkDisconnect(ctx, "rec-network", "rec-member", true)
		})},
		{name: "NetworkRemove", call: removeNetwork("rec-network")},
		{name: "NetworkRemove-missing", call: removeNetwork("rec-network")},
		{name: "NetworkPrune", call: get(func(ctx context.Context, c *Client) (Pruned, error) {
			return c.NetworkPrune(ctx, Filters{"label": {"dockerapi.test=prune"}})
		}), check: is(func(p Pruned) bool { return len(p.Deleted) == 1 && p.Deleted[0] == "rec-prune" })},

		{name: "VolumeCreate", call: createVolume, check: is(func(v Volume) bool { return v.Name == "rec-volume" && v.Driver == "local" && !v.CreatedAt.IsZero() })},
		{name: "VolumeInspect", call: inspectVolume("rec-volume"), check: is(func(v Volume) bool {
			return v.Labels["dockerapi.test"] == "recording" && v.Mountpoint != "" && v.Scope == "local"
		})},
		{name: "VolumeInspect-missing", call: inspectVolume("rec-none"), want: "not found"},
		{name: "VolumeList", call: get(func(ctx context.Context, c *Client) ([]Volume, error) {
			return c.VolumeList(ctx, Filters{"name": {"rec-volume"}, "label": {"dockerapi.test=recording"}})
		}), check: is(func(l []Volume) bool { return len(l) == 1 && l[0].Name == "rec-volume" })},
		{name: "VolumeRemove-in-use", call: removeVolume("rec-full"), want: "conflict"},
		{name: "VolumeRemove", call: removeVolume("rec-volume")},
		{name: "VolumeRemove-missing", call: removeVolume("rec-volume")},
		{name: "VolumePrune", call: get(func(ctx context.Context, c *Client) (Pruned, error) {
			return c.VolumePrune(ctx, Filters{"label": {"dockerapi.test=prune"}})
		})},

		{name: "ContainerExec", call: exec("rec-member"), check: is(func(id string) bool { return len(id) == 64 })},
		{name: "ContainerExec-missing", call: exec("rec-none"), want: "not found"},
		{name: "ContainerExec-not-running", call: exec("rec-main"), want: "conflict", podman: "temporary"},
		{name: "ExecInspect", call: get(func(ctx context.Context, c *Client) (ExecState, error) {
			id, err := c.ContainerExec(ctx, "rec-member", ExecConfig{Cmd: []string{"true"}})
			if err != nil {
				return ExecState{}, err
			}
			return c.ExecInspect(ctx, id)
		}), check: is(func(s ExecState) bool { return len(s.ID) == 64 && len(s.ContainerID) == 64 && !s.Running })},
		{name: "ExecInspect-missing", want: "not found", call: get(func(ctx context.Context, c *Client) (ExecState, error) { return c.ExecInspect(ctx, "rec-none") })},
		{name: "ContainerStats", call: get(func(ctx context.Context, c *Client) (Stats, error) { return c.ContainerStats(ctx, "rec-member") }),
			check: is(func(s Stats) bool {
				return s.MemoryStats.Usage > 0 && s.CPUStats.CPUUsage.TotalUsage > 0 && !s.Read.IsZero()
			})},
		{name: "ContainerStats-missing", want: "not found", call: get(func(ctx context.Context, c *Client) (Stats, error) { return c.ContainerStats(ctx, "rec-none") })},
		{name: "SystemEvents", call: nextEvent, check: is(func(e Event) bool {
			return e.Type == "container" && e.Action == "create" && len(e.Actor.ID) == 64 && e.Actor.Attributes["name"] == "rec-event" && e.TimeNano > 0
		})},
		{name: "SystemDataUsage", call: get(func(ctx context.Context, c *Client) (DiskUsage, error) {
			return c.SystemDataUsage(ctx, DiskUsageOptions{})
		}),
			check: is(func(u DiskUsage) bool { return len(u.Images) > 0 && u.Images[0].Size > 0 && len(u.Volumes) > 0 })},
	}
}

func nextEvent(ctx context.Context, c *Client, meanwhile func()) (any, error) {
	stream, err := c.SystemEvents(ctx, EventsOptions{Filters: Filters{"container": {"rec-event"}, "event": {"create"}}})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	meanwhile()
	return stream.Next()
}
