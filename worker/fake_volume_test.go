package worker

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const (
	onVolumeCreate call = "volume create"
	onVolumeRemove call = "volume remove"
	onDataUsage    call = "data usage"
)

// fakeVolumes are the volumes of a fakeEngine.
type fakeVolumes struct {
	engine *fakeEngine

	mu      sync.Mutex
	volumes map[string]dockerapi.Volume
	sizes   map[string]int64
}

// with returns the engine with volumes.
func (v *fakeVolumes) with(e *fakeEngine) *fakeEngine {
	v.engine, v.volumes, v.sizes = e, map[string]dockerapi.Volume{}, map[string]int64{}
	e.volumeEngine = v
	return e
}

// volumes are those of a fakeEngine.
func (e *fakeEngine) volumes() *fakeVolumes { return e.volumeEngine.(*fakeVolumes) }

func (v *fakeVolumes) VolumeCreate(ctx context.Context, cfg dockerapi.VolumeConfig) (dockerapi.Volume, error) {
	if err := v.engine.enter(ctx, onVolumeCreate); err != nil {
		return dockerapi.Volume{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.volumes[cfg.Name]; !ok {
		v.volumes[cfg.Name] = dockerapi.Volume{Name: cfg.Name, Labels: maps.Clone(cfg.Labels), CreatedAt: time.Now()}
	}
	return v.volumes[cfg.Name], nil
}

func (v *fakeVolumes) VolumeList(_ context.Context, filters dockerapi.Filters) ([]dockerapi.Volume, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []dockerapi.Volume
	for _, volume := range v.volumes {
		if !slices.ContainsFunc(filters["label"], func(f string) bool {
			name, value, exact := strings.Cut(f, "=")
			has, ok := volume.Labels[name]
			return !ok || exact && has != value
		}) {
			found = append(found, volume)
		}
	}
	return found, nil
}

func (v *fakeVolumes) VolumeRemove(ctx context.Context, name string, _ bool) error {
	if err := v.engine.enter(ctx, onVolumeRemove); err != nil {
		return err
	}
	if v.engine.mounts(name) > 0 {
		return engineAnswer(409)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.volumes, name)
	return nil
}

func (v *fakeVolumes) SystemDataUsage(ctx context.Context, opts dockerapi.DiskUsageOptions) (dockerapi.DiskUsage, error) {
	var usage dockerapi.DiskUsage
	if err := v.engine.enter(ctx, onDataUsage); err != nil {
		return usage, err
	}
	if len(opts.Types) > 0 {
		return usage, &dockerapi.UnsupportedError{} // as an engine of API 1.41
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for name := range v.volumes {
		u := dockerapi.VolumeUsage{Name: name}
		u.UsageData.Size = v.sizes[name]
		usage.Volumes = append(usage.Volumes, u)
	}
	return usage, nil
}

// names are those of the volumes there are, sorted.
func (v *fakeVolumes) names() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.volumes))
}

// only is the one volume there is.
func (v *fakeVolumes) only(t testing.TB) string {
	t.Helper()
	names := v.names()
	if len(names) != 1 {
		t.Fatalf("volumes %v, want one", names)
	}
	return names[0]
}

// mounts is how many containers have a volume, running or not.
func (e *fakeEngine) mounts(volume string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, c := range e.containers {
		if slices.ContainsFunc(c.config.HostConfig.Mounts, func(m dockerapi.Mount) bool { return m.Source == volume }) {
			n++
		}
	}
	return n
}
