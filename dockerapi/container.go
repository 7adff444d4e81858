package dockerapi

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Container is what an inspection shows.
type Container struct {
	ID              string `json:"Id"`
	Name            string // with a leading slash
	Image           string // the id of the image; Config.Image is the reference
	Created         time.Time
	Path            string // what runs, with Args
	Args            []string
	RestartCount    int
	LogPath         string
	State           ContainerState
	Config          InspectedConfig
	HostConfig      InspectedHostConfig
	Mounts          []MountPoint
	NetworkSettings NetworkSettings
}

// ContainerState is where a container is in its life.
type ContainerState struct {
	Status     string // "created", "running", "paused", "restarting", "removing", "exited", "dead"; podman has more
	Running    bool
	Paused     bool
	Restarting bool
	OOMKilled  bool // some process was killed for memory; not always the main one, and podman 4 never says so on cgroup v1
	Dead       bool
	Pid        int
	ExitCode   int       // 127, 126 or 128 with Status "created" after a start that failed
	Error      string    // why a start failed
	StartedAt  time.Time // the year 1 when it never was
	FinishedAt time.Time
	Health     *Health // of the image's or the container's HEALTHCHECK; nil where there is none
}

// Health is what a container's own check says of it.
type Health struct {
	Status        string // "starting", "healthy", "unhealthy"; "none" or "" is no check
	FailingStreak int
}

// InspectedConfig is the part of the container's own configuration that tells what it was made from.
type InspectedConfig struct {
	Hostname   string
	User       string
	Image      string // the reference it was created from
	Cmd        []string
	Entrypoint []string
	Env        []string
	WorkingDir string
	Labels     map[string]string
	Tty        bool
	OpenStdin  bool
	StopSignal string
}

// InspectedHostConfig is what the engine made of the limits that it was given.
type InspectedHostConfig struct {
	NetworkMode    string
	LogConfig      LogConfig
	Memory         int64
	MemorySwap     int64
	NanoCpus       int64
	PidsLimit      *int64
	ShmSize        int64
	CapAdd         []string
	CapDrop        []string
	SecurityOpt    []string
	Privileged     bool
	ReadonlyRootfs bool
	AutoRemove     bool
	OomScoreAdj    int
	Init           *bool
	Runtime        string
}

// MountPoint is a mount as the container has it.
type MountPoint struct {
	Type        string // "bind", "volume", "tmpfs"
	Name        string // of a volume
	Source      string // on the host
	Destination string
	Driver      string
	RW          bool
}

// NetworkSettings are the networks of a container, by name. Addresses outside the map are gone in API 1.52.
type NetworkSettings struct {
	Networks map[string]EndpointSettings
}

// EndpointSettings are one network of a container.
type EndpointSettings struct {
	NetworkID   string
	EndpointID  string
	Gateway     string
	IPAddress   string
	IPPrefixLen int
	MacAddress  string
}

// ContainerInspect shows a container. Errors: 404.
func (c *Client) ContainerInspect(ctx context.Context, id string) (Container, error) {
	var out Container
	r, err := containerRequest("ContainerInspect", http.MethodGet, id, "/json")
	if err != nil {
		return out, err
	}
	err = c.call(ctx, r, &out)
	return out, err
}

// containerRequest is a request about one container.
func containerRequest(op, method, id, suffix string) (request, error) {
	r := request{op: op, method: method}
	name, err := escapeName(id)
	if err != nil {
		return r, r.invalid(err)
	}
	r.path = "/containers/" + name + suffix
	return r, nil
}

// StopOptions tell how a container is stopped.
type StopOptions struct {
	// Signal replaces the container's StopSignal. Since API 1.42: before that, set ContainerConfig.StopSignal.
	Signal string `since:"1.42"`

	// Timeout is how long the container may take before it is killed. Whole seconds are sent, rounded up, so that
	// it never has less. 0 kills at once; a negative one waits for ever.
	Timeout time.Duration
}

// ContainerStop signals the container, waits, and kills it when it takes too long. It blocks until the container is
// stopped. One that does not run is success (304; podman says 204). Errors: 404.
func (c *Client) ContainerStop(ctx context.Context, id string, opts StopOptions) error {
	r, err := containerRequest("ContainerStop", http.MethodPost, id, "/stop")
	if err != nil {
		return err
	}
	if err := c.require(ctx, r, opts); err != nil {
		return err
	}
	r.query = url.Values{"t": {strconv.Itoa(wholeSeconds(opts.Timeout))}}
	if opts.Signal != "" {
		r.query.Set("signal", opts.Signal)
	}
	r.idempotent = true
	err = c.call(ctx, r, nil)
	if IsNotModified(err) {
		return nil
	}
	return err
}

// wholeSeconds rounds up; anything negative is -1.
func wholeSeconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int(math.Ceil(d.Seconds()))
}

// ContainerKill sends a signal ("" is SIGKILL) to the main process. A container that does not run is success: Docker
// says 409, for which there is no other reason; podman says 500, for which there are, so its container is inspected.
// Errors: 400 for a signal that does not exist, 404.
func (c *Client) ContainerKill(ctx context.Context, id, signal string) error {
	r, err := containerRequest("ContainerKill", http.MethodPost, id, "/kill")
	if err != nil {
		return err
	}
	if signal != "" {
		r.query = url.Values{"signal": {signal}}
	}
	err = c.call(ctx, r, nil)
	switch status(err) {
	case http.StatusConflict:
		return nil
	case http.StatusInternalServerError:
		if seen, inspectErr := c.ContainerInspect(ctx, id); inspectErr == nil && !seen.State.Running {
			return nil
		}
	}
	return err
}

// setTrue sends only what is not the default.
func setTrue(query url.Values, key string, on bool) {
	if on {
		query.Set(key, "1")
	}
}

// ListOptions select containers.
type ListOptions struct {
	All     bool    // also those that do not run
	Filters Filters // for example {"label": {"key=value"}, "status": {"exited"}}
}

// ContainerSummary is a container in a list.
type ContainerSummary struct {
	ID      string `json:"Id"`
	Names   []string
	Image   string // as it was given; the id where the name now belongs to another image
	ImageID string
	Command string
	Created int64 // seconds since 1970
	State   string
	Status  string // for people: "Exited (0) 3 minutes ago"
	Labels  map[string]string
}

// ContainerList lists containers. Errors: 400 for a filter that does not exist.
func (c *Client) ContainerList(ctx context.Context, opts ListOptions) ([]ContainerSummary, error) {
	query := url.Values{}
	setTrue(query, "all", opts.All)
	opts.Filters.addTo(query)
	var out []ContainerSummary
	err := c.call(ctx, request{op: "ContainerList", method: http.MethodGet, path: "/containers/json", query: query}, &out)
	return out, err
}
