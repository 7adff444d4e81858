package dockerapi

// HostConfig is what a container may use and do. The zero value is the engine's default for each field.
//
// "Since" is the first API version that knows the field; where it is above 1.24 the field has a tag, and an older
// engine is not asked.
type HostConfig struct {
	// Resources

	Memory           int64    `json:",omitempty"`              // bytes, at least 6 MiB; since 1.18
	MemorySwap       int64    `json:",omitempty"`              // memory and swap in bytes: the same as Memory is no swap, -1 no limit, 0 twice Memory; since 1.18
	MemorySwappiness *int64   `json:",omitempty"`              // 0 to 100; cgroup v1 only; since 1.20
	NanoCpus         int64    `json:",omitempty" since:"1.25"` // billionths of a CPU
	CPUShares        int64    `json:"CpuShares,omitempty"`     // weight beside other containers, 1024 is usual; since 1.18
	CpusetCpus       string   `json:",omitempty"`              // "0-2,5"; since 1.18
	PidsLimit        *int64   `json:",omitempty"`              // processes and threads; nil, 0 or -1 is no limit; since 1.23
	Ulimits          []Ulimit `json:",omitempty"`              // since 1.18
	ShmSize          int64    `json:",omitempty"`              // bytes of /dev/shm, 0 is 64 MiB; since 1.22
	BlkioWeight      uint16   `json:",omitempty"`              // 10 to 1000; since 1.19
	CgroupParent     string   `json:",omitempty"`              // since 1.18
	OomScoreAdj      int      `json:",omitempty"`              // -1000 to 1000: who dies first when the host has no memory left; since 1.22

	// Rights

	Privileged     bool              `json:",omitempty"`
	CapAdd         []string          `json:",omitempty"` // "NET_ADMIN" or "CAP_NET_ADMIN"; "ALL"
	CapDrop        []string          `json:",omitempty"` // dropped first, then added
	SecurityOpt    []string          `json:",omitempty"` // "no-new-privileges", "seccomp=" and the JSON text itself or "unconfined", "apparmor=profile"; since 1.17
	ReadonlyRootfs bool              `json:",omitempty"` // forbids ContainerArchive to put files in as well; since 1.17
	Devices        []Device          `json:",omitempty"`
	DeviceRequests []DeviceRequest   `json:",omitempty" since:"1.40"` // GPUs
	GroupAdd       []string          `json:",omitempty"`              // since 1.20
	UsernsMode     string            `json:",omitempty"`              // "host" leaves the engine's user namespace; since 1.23
	PidMode        string            `json:",omitempty"`              // "host", "container:id"
	IpcMode        string            `json:",omitempty"`              // "none", "private", "shareable", "host", "container:id"
	CgroupnsMode   string            `json:",omitempty" since:"1.41"` // "private", "host"
	Sysctls        map[string]string `json:",omitempty"`              // namespaced ones; since 1.24
	Runtime        string            `json:",omitempty" since:"1.25"` // an OCI runtime that the engine has; "" is its default

	// Files

	Binds      []string          `json:",omitempty"` // "/host:/container:ro"; a source that is missing is made as a directory of root
	Mounts     []Mount           `json:",omitempty" since:"1.25"`
	Tmpfs      map[string]string `json:",omitempty"` // path to options ("size=64m,mode=1777"); counts as memory; since 1.22
	StorageOpt map[string]string `json:",omitempty"` // "size": only overlay2 on xfs with project quotas, else create fails; since 1.24

	// MaskedPaths and ReadonlyPaths replace the engine's own lists; an empty list, other than nil, opens all.
	MaskedPaths   []string `json:",omitzero" since:"1.38"`
	ReadonlyPaths []string `json:",omitzero" since:"1.38"`

	// Network

	NetworkMode  string                   `json:",omitempty"` // "none", "bridge", "host", a network's name or id, "container:id"; "" is bridge
	DNS          []string                 `json:"Dns,omitempty"`
	DNSSearch    []string                 `json:"DnsSearch,omitempty"`
	DNSOptions   []string                 `json:"DnsOptions,omitempty"` // since 1.21
	ExtraHosts   []string                 `json:",omitempty"`           // "name:address", "name:host-gateway" from engine 20.10 on
	PortBindings map[string][]PortBinding `json:",omitempty"`           // "80/tcp"

	// Life

	AutoRemove    bool              `json:",omitempty" since:"1.25"` // excludes a RestartPolicy
	Init          *bool             `json:",omitempty" since:"1.25"` // a small init that reaps; nil is the engine's default
	RestartPolicy RestartPolicy     `json:",omitzero"`
	LogConfig     LogConfig         `json:",omitzero"`               // the zero value is the engine's default; since 1.18
	Annotations   map[string]string `json:",omitempty" since:"1.43"` // for the OCI runtime
}

// LogConfig says who keeps the container's output. "none" keeps nothing, attach sees it all the same. "local" loses
// data when its reader is slow; "json-file" without "max-size" grows for ever.
type LogConfig struct {
	Type   string            `json:",omitempty"`
	Config map[string]string `json:",omitempty"`
}

// Ulimit is a limit of each process.
type Ulimit struct {
	Name string // "nofile", "nproc", "core" …
	Soft int64
	Hard int64
}

// Device is a device of the host inside the container.
type Device struct {
	PathOnHost        string
	PathInContainer   string
	CgroupPermissions string // "rwm"
}

// DeviceRequest asks a driver for devices, as for GPUs: {Driver: "nvidia", Count: -1, Capabilities: {{"gpu"}}}.
type DeviceRequest struct {
	Driver       string            `json:",omitempty"`
	Count        int               `json:",omitempty"` // -1 is all; excludes DeviceIDs
	DeviceIDs    []string          `json:",omitempty"`
	Capabilities [][]string        `json:",omitempty"` // any of the lists, all of one list
	Options      map[string]string `json:",omitempty"`
}

// Mount is a mount, stricter than a bind: a source that is missing is an error.
type Mount struct {
	Type          string // "bind", "volume", "tmpfs"
	Source        string `json:",omitempty"` // a path on the host, or a volume's name; "" for tmpfs
	Target        string
	ReadOnly      bool           `json:",omitempty"`
	Consistency   string         `json:",omitempty"`
	BindOptions   *BindOptions   `json:",omitempty"`
	VolumeOptions *VolumeOptions `json:",omitempty"`
	TmpfsOptions  *TmpfsOptions  `json:",omitempty"`
}

// BindOptions belong to a Mount of type bind; other types refuse them from API 1.42 on.
type BindOptions struct {
	Propagation            string `json:",omitempty"` // "private", "rprivate", "shared", "rshared", "slave", "rslave"
	NonRecursive           bool   `json:",omitempty" since:"1.40"`
	CreateMountpoint       bool   `json:",omitempty" since:"1.42"`
	ReadOnlyNonRecursive   bool   `json:",omitempty" since:"1.44"`
	ReadOnlyForceRecursive bool   `json:",omitempty" since:"1.44"`
}

// VolumeOptions belong to a Mount of type volume.
type VolumeOptions struct {
	NoCopy       bool              `json:",omitempty"` // do not fill a new volume from the image
	Labels       map[string]string `json:",omitempty"`
	DriverConfig *VolumeDriver     `json:",omitempty"`
	Subpath      string            `json:",omitempty" since:"1.45"`
}

// VolumeDriver makes a volume that does not exist yet.
type VolumeDriver struct {
	Name    string            `json:",omitempty"`
	Options map[string]string `json:",omitempty"`
}

// TmpfsOptions belong to a Mount of type tmpfs.
type TmpfsOptions struct {
	SizeBytes int64  `json:",omitempty"`
	Mode      uint32 `json:",omitempty"` // permission bits
}

// PortBinding is where a port of the container is published.
type PortBinding struct {
	HostIP   string `json:"HostIp,omitempty"`
	HostPort string `json:",omitempty"` // "" is a free one
}

// RestartPolicy says whether the engine starts a container again.
type RestartPolicy struct {
	Name              string // "no", "always", "unless-stopped", "on-failure"
	MaximumRetryCount int    `json:",omitempty"`
}
