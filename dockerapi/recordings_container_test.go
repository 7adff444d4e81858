package dockerapi

import (
	"context"
	"time"
)

func containerRecordings() []recording {
	create := func(name string, cfg ContainerConfig) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) (ContainerCreated, error) {
			return c.ContainerCreate(ctx, name, cfg)
		})
	}
	inspect := func(id string) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) (Container, error) { return c.ContainerInspect(ctx, id) })
	}
	list := func(opts ListOptions) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) ([]ContainerSummary, error) { return c.ContainerList(ctx, opts) })
	}
	start := func(id string) func(context.Context, *Client, func()) (any, error) {
		return just(func(ctx context.Context, c *Client) error { return c.ContainerStart(ctx, id) })
	}
	stop := func(id string) func(context.Context, *Client, func()) (any, error) {
		return just(func(ctx context.Context, c *Client) error {
			return c.ContainerStop(ctx, id, StopOptions{Timeout: 100 * time.Millisecond})
		})
	}
	kill := func(id, signal string) func(context.Context, *Client, func()) (any, error) {
		return just(func(ctx context.Context, c *Client) error { return c.ContainerKill(ctx, id, signal) })
	}
	remove := func(id string, opts RemoveOptions) func(context.Context, *Client, func()) (any, error) {
		return just(func(ctx context.Context, c *Client) error { return c.ContainerRemove(ctx, id, opts) })
	}
	noImage, noMount := recordedConfig("true"), recordedConfig("true")
	noImage.Image = "localhost/no/such:image"
	noMount.HostConfig.Mounts = []Mount{{Type: "bind", Source: "/proc/no-such-path", Target: "/x"}}

	return []recording{
		{name: "ContainerCreate", call: createFull, check: is(func(created ContainerCreated) bool { return len(created.ID) == 64 })},
		{name: "ContainerCreate-conflict", call: create("rec-main", recordedConfig("true")), want: "conflict", podman: "temporary"},
		{name: "ContainerCreate-no-image", call: create("rec-none", noImage), want: "not found"},
		{name: "ContainerCreate-no-mount", call: create("rec-nomount", noMount), want: "invalid", podman: "temporary"},
		{name: "ContainerInspect-created", call: inspect("rec-full"), check: is(func(c Container) bool {
			return c.State.Status == "created" && c.State.StartedAt.Year() == 1 && c.HostConfig.Memory == 64<<20 &&
				c.HostConfig.NanoCpus == 500_000_000 && *c.HostConfig.PidsLimit == 64 && c.HostConfig.ReadonlyRootfs
		})},
		{name: "ContainerList", call: list(ListOptions{All: true, Filters: Filters{"label": {"dockerapi.test=recording"}, "name": {"rec-full"}}}),
			check: is(func(l []ContainerSummary) bool {
				return len(l) == 1 && l[0].Names[0] == "/rec-full" && l[0].State == "created" && l[0].Labels["dockerapi.test"] == "recording"
			})},
		{name: "ContainerList-bad-filter", call: list(ListOptions{Filters: Filters{"nonsense": {"x"}}}), want: "invalid", podman: "temporary"},

		{name: "ContainerAttach", call: attachMain, check: outAndErr},
		{name: "ContainerAttach-missing", want: "not found", call: func(ctx context.Context, c *Client, _ func()) (any, error) {
			return c.ContainerAttach(ctx, "rec-none", AttachOptions{Stdout: true})
		}},
		{name: "ContainerInspect-exited", call: inspect("rec-main"), check: is(func(c Container) bool {
			return c.State.Status == "exited" && c.State.ExitCode == 3 && c.State.StartedAt.Year() > 2000 && c.State.FinishedAt.Year() > 2000 &&
				c.Config.Image == recordedImage && c.Name == "/rec-main"
		})},
		{name: "ContainerInspect-missing", call: inspect("rec-none"), want: "not found"},
		{name: "ContainerWait", call: waitFor("rec-waited"), check: is(func(s ExitStatus) bool { return s == ExitStatus{StatusCode: 4} })},
		{name: "ContainerWait-missing", call: waitFor("rec-none"), want: "not found"},

		{name: "ContainerStart", call: start("rec-started")},
		{name: "ContainerStart-again", call: start("rec-started")},
		{name: "ContainerStart-missing", call: start("rec-none"), want: "not found"},
		{name: "ContainerStart-no-command", call: start("rec-nocommand"), want: "no command"},
		{name: "ContainerStart-not-executable", call: start("rec-notexec"), want: "not executable"},
		{name: "ContainerStart-no-user", call: start("rec-nouser"), want: "temporary"},

		{name: "ContainerKill-bad-signal", call: kill("rec-started", "SIGNONSENSE"), want: "invalid", podman: "temporary"},
		{name: "ContainerKill", call: kill("rec-started", "SIGKILL")},
		{name: "ContainerKill-not-running", call: kill("rec-main", "SIGKILL")},
		{name: "ContainerKill-missing", call: kill("rec-none", ""), want: "not found"},
		{name: "ContainerStop", call: stop("rec-stopped")},
		{name: "ContainerStop-again", call: stop("rec-stopped")},
		{name: "ContainerStop-missing", call: stop("rec-none"), want: "not found"},
		{name: "ContainerRemove-running", call: remove("rec-running", RemoveOptions{}), want: "conflict", podman: "temporary"},
		{name: "ContainerRemove", call: remove("rec-running", RemoveOptions{Force: true, Volumes: true})},
		{name: "ContainerRemove-missing", call: remove("rec-running", RemoveOptions{Force: true, Volumes: true})},
		{name: "ContainerPrune", call: get(func(ctx context.Context, c *Client) (Pruned, error) {
			return c.ContainerPrune(ctx, Filters{"label": {"dockerapi.test=prune"}})
		}), check: is(func(p Pruned) bool { return len(p.Deleted) == 1 })},
	}
}

var outAndErr = is(func(texts map[Stream]string) bool { return texts[Stdout] == "out\n" && texts[Stderr] == "err\n" })

func attachMain(ctx context.Context, c *Client, meanwhile func()) (any, error) {
	stream, err := c.ContainerAttach(ctx, "rec-main", AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	meanwhile()
	return framesOf(stream)
}

func waitFor(id string) func(context.Context, *Client, func()) (any, error) {
	return func(ctx context.Context, c *Client, meanwhile func()) (any, error) {
		wait, err := c.ContainerWait(ctx, id, WaitNextExit)
		if err != nil {
			return nil, err
		}
		defer wait.Close()
		meanwhile()
		return wait.Result()
	}
}

// createFull sets every field that the API version has and this package sends, so that a typo in one of them is seen in
// the recorded request.
func createFull(ctx context.Context, c *Client, _ func()) (any, error) {
	yes, pids, swappiness := true, int64(64), int64(10)
	cfg := ContainerConfig{
		Image: recordedImage, Cmd: []string{"true"}, Entrypoint: []string{"sh", "-c"}, Env: []string{"A=b", "C=d e"},
		WorkingDir: "/tmp", User: "1000:1000", Hostname: "box", Labels: recordedLabels, StopSignal: "SIGINT",
		Tty: true, OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Platform: "linux/amd64",
		NetworkingConfig: NetworkingConfig{EndpointsConfig: map[string]EndpointConfig{
			"rec-net": {Aliases: []string{"alias"}, IPAMConfig: EndpointIPAMConfig{IPv4Address: "172.30.28.9"}},
		}},
	}
	cfg.HostConfig = HostConfig{
		Memory: 64 << 20, MemorySwap: 64 << 20, MemorySwappiness: &swappiness, NanoCpus: 500_000_000, CPUShares: 512,
		CpusetCpus: "0", PidsLimit: &pids, Ulimits: []Ulimit{{Name: "nofile", Soft: 256, Hard: 512}}, ShmSize: 1 << 20,
		BlkioWeight: 300, OomScoreAdj: 500, CgroupParent: "dockerapi-test",

		CapAdd: []string{"CHOWN"}, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges", "seccomp=unconfined"},
		ReadonlyRootfs: true, GroupAdd: []string{"100"}, IpcMode: "private", CgroupnsMode: "private",
		Devices: []Device{{PathOnHost: "/dev/null", PathInContainer: "/dev/nothing", CgroupPermissions: "rwm"}},
		Sysctls: map[string]string{"kernel.shmmax": "1000000"}, Runtime: "runc",

		Binds: []string{"/tmp:/host:ro"},
		Mounts: []Mount{
			{Type: "bind", Source: "/tmp", Target: "/host2", ReadOnly: true, BindOptions: &BindOptions{Propagation: "rprivate"}},
			{Type: "tmpfs", Target: "/scratch", TmpfsOptions: &TmpfsOptions{SizeBytes: 1 << 20, Mode: 0o1777}},
			{Type: "volume", Source: "rec-full", Target: "/data", VolumeOptions: &VolumeOptions{NoCopy: true, Labels: recordedLabels, DriverConfig: &VolumeDriver{Name: "local"}}},
		},
		Tmpfs:       map[string]string{"/run": "size=1m,mode=1777"},
		MaskedPaths: []string{"/proc/kcore"}, ReadonlyPaths: []string{"/proc/sys"},

		NetworkMode: "rec-net", DNS: []string{"192.0.2.1"}, DNSSearch: []string{"example"}, DNSOptions: []string{"ndots:1"},
		ExtraHosts: []string{"peer:192.0.2.2"}, PortBindings: map[string][]PortBinding{"80/tcp": {{HostIP: "127.0.0.1", HostPort: "8080"}}},

		Init: &yes, RestartPolicy: RestartPolicy{Name: "on-failure", MaximumRetryCount: 2},
		LogConfig: LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m"}},
	}
	if c.APIVersion() == "1.44" {
		cfg.HostConfig.Annotations = map[string]string{"example.annotation": "yes"}
		cfg.HostConfig.Mounts[0].BindOptions.CreateMountpoint = true
		cfg.HostConfig.Mounts[0].BindOptions.ReadOnlyNonRecursive = true
	}
	return c.ContainerCreate(ctx, "rec-full", cfg)
}
