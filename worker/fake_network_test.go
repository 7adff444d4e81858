package worker

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const (
	onNetworkCreate call = "network create"
	onNetworkRemove call = "network remove"
)

// fakeNetworks are the networks of a fakeEngine.
type fakeNetworks struct {
	engine *fakeEngine

	mu       sync.Mutex
	networks []dockerapi.Network
}

// with returns the engine with networks.
func (f *fakeNetworks) with(e *fakeEngine) *fakeEngine {
	f.engine, e.networkEngine = e, f
	return e
}

// networks are those of a fakeEngine.
func (e *fakeEngine) networks() *fakeNetworks { return e.networkEngine.(*fakeNetworks) }

func (f *fakeNetworks) NetworkCreate(ctx context.Context, cfg dockerapi.NetworkConfig) (string, error) {
	if err := f.engine.enter(ctx, onNetworkCreate); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.find(cfg.Name) >= 0 {
		return "", engineAnswer(409)
	}
	n := dockerapi.Network{ID: "id-of-" + cfg.Name, Name: cfg.Name, Created: time.Now(), Driver: cfg.Driver, Internal: cfg.Internal, IPAM: cfg.IPAM, Labels: cfg.Labels}
	f.networks = append(f.networks, n)
	return n.ID, nil
}

// find looks a network up by its id or its name, -1 for none. Called with mu held.
func (f *fakeNetworks) find(id string) int {
	return slices.IndexFunc(f.networks, func(n dockerapi.Network) bool { return n.ID == id || n.Name == id })
}

func (f *fakeNetworks) NetworkInspect(_ context.Context, id string) (dockerapi.Network, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.find(id); i >= 0 {
		return f.networks[i], nil
	}
	return dockerapi.Network{}, engineAnswer(404)
}

func (f *fakeNetworks) NetworkList(_ context.Context, filters dockerapi.Filters) ([]dockerapi.Network, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []dockerapi.Network
	for _, n := range f.networks {
		if !slices.ContainsFunc(filters["label"], func(filter string) bool {
			name, value, _ := strings.Cut(filter, "=")
			return n.Labels[name] != value
		}) {
			found = append(found, n)
		}
	}
	return found, nil
}

func (f *fakeNetworks) NetworkRemove(ctx context.Context, id string) error {
	if err := f.engine.enter(ctx, onNetworkRemove); err != nil {
		return err
	}
	f.mu.Lock()
	i := f.find(id)
	name := ""
	if i >= 0 {
		name = f.networks[i].Name
	}
	f.mu.Unlock()
	if i < 0 {
		return nil
	}
	f.engine.mu.Lock()
	for _, c := range f.engine.containers {
		if c.state.Running && c.config.HostConfig.NetworkMode == name {
			f.engine.mu.Unlock()
			return engineAnswer(403)
		}
	}
	f.engine.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.networks = slices.DeleteFunc(f.networks, func(n dockerapi.Network) bool { return n.Name == name })
	return nil
}

// all are the networks there are.
func (f *fakeNetworks) all() []dockerapi.Network {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.networks)
}

// networks are the places of a container in its networks. Called with the engine's mu held.
func (c *fakeContainer) networks() dockerapi.NetworkSettings {
	place := dockerapi.EndpointSettings{}
	if c.state.Running {
		place.IPAddress = "198.51.100.2"
	}
	return dockerapi.NetworkSettings{Networks: map[string]dockerapi.EndpointSettings{c.config.HostConfig.NetworkMode: place}}
}
