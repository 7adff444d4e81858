package dockerapi

import (
	"context"
	"net/http"
)

// Ping is what an engine says before anything else. It does not name the oldest version it accepts: [Client.SystemVersion] does.
type Ping struct {
	APIVersion string // the newest that it accepts
	OSType     string // "linux"
	Server     string // for example "Docker/20.10.24 (linux)", "Libpod/4.3.1 (linux)"
}

// SystemPing tells whether the engine answers. GET /_ping, without a version: it works before any negotiation. It opens
// a connection of its own: an engine that shuts down first closes its door, then stops its containers, which takes
// seconds, and goes on answering on the connections that are open.
func (c *Client) SystemPing(ctx context.Context) (Ping, error) {
	resp, err := c.send(ctx, request{op: "SystemPing", method: http.MethodGet, path: "/_ping", plain: true, fresh: true})
	if err != nil {
		return Ping{}, err
	}
	defer closeBody(resp.Body)
	return Ping{
		APIVersion: resp.Header.Get("Api-Version"),
		OSType:     resp.Header.Get("Ostype"),
		Server:     resp.Header.Get("Server"),
	}, nil
}

// VersionInfo is the engine's version, and the versions of the API that it accepts.
type VersionInfo struct {
	Version       string // of the engine, for example "20.10.24+dfsg1"
	APIVersion    string `json:"ApiVersion"` // the newest that it accepts
	MinAPIVersion string `since:"1.25"`
	OS            string `json:"Os"`
	Arch          string
	KernelVersion string
	Components    []VersionComponent `since:"1.35"`
}

// VersionComponent is a part of the engine: "Engine", "containerd", "runc" …; podman has "Podman Engine".
type VersionComponent struct {
	Name    string
	Version string
}

// SystemVersion asks for the versions. GET /version, without a version: it works before any negotiation.
func (c *Client) SystemVersion(ctx context.Context) (VersionInfo, error) {
	var v VersionInfo
	err := c.call(ctx, request{op: "SystemVersion", method: http.MethodGet, path: "/version", plain: true}, &v)
	return v, err
}

// Info is what the engine knows about its host and itself.
type Info struct {
	ID              string // of the engine; changes with its data directory
	Name            string // the host's name
	ServerVersion   string
	OperatingSystem string // for example "Debian GNU/Linux 12 (bookworm)"
	OSType          string
	Architecture    string // as uname says it, for example "x86_64"
	KernelVersion   string
	NCPU            int
	MemTotal        int64  // bytes
	Driver          string // of images and containers, for example "overlay2"
	DockerRootDir   string
	CgroupDriver    string // "cgroupfs" or "systemd"
	CgroupVersion   string `since:"1.40"` // "1" or "2"
	LoggingDriver   string // of containers that name none
	Plugins         struct {
		Log []string // the log drivers, for example "json-file", "local"
	}
	LiveRestoreEnabled bool // containers survive a restart of the engine
	DefaultRuntime     string
	Runtimes           map[string]Runtime
	SecurityOptions    []string // for example "name=seccomp,profile=default"
	MemoryLimit        bool     // limits work on this host
	SwapLimit          bool
	PidsLimit          bool `since:"1.40"`
	Containers         int
	ContainersRunning  int
	Images             int
	Labels             []string
	Warnings           []string `since:"1.39"`
}

// Runtime is an OCI runtime that the engine can use.
type Runtime struct {
	Path string `json:"path"`
}

// SystemInfo asks for the engine's facts. It is slow on hosts with much to count: ask once. An engine that is still
// starting may answer 500.
func (c *Client) SystemInfo(ctx context.Context) (Info, error) {
	var info Info
	err := c.call(ctx, request{op: "SystemInfo", method: http.MethodGet, path: "/info"}, &info)
	return info, err
}
