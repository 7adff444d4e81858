//go:build integration

package dockerapi

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// testName is a name that only this run has.
func testName(t *testing.T) string {
	return strings.ToLower(fmt.Sprintf("dockerapi-%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), os.Getpid()))
}

func TestEngineNetwork(t *testing.T) {
	c := engine(t)
	name := testName(t)
	label := Filters{"label": {"dockerapi.test=" + name}}
	id, err := c.NetworkCreate(t.Context(), NetworkConfig{Name: name, Internal: true, Labels: map[string]string{"dockerapi.test": name}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.NetworkRemove(context.WithoutCancel(t.Context()), id); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	if again, err := c.NetworkCreate(t.Context(), NetworkConfig{Name: name}); err == nil {
		t.Errorf("a second network of the same name: %s", again)
	} else if !IsConflict(err) && !isPodman(t, c) { // podman says 500
		t.Errorf("a second network of the same name: %v, want a conflict", err)
	}
	network, err := c.NetworkInspect(t.Context(), name)
	if err != nil || network.ID != id || network.Name != name || !network.Internal || network.Driver != "bridge" {
		t.Errorf("inspect: %+v, %v", network, err)
	}
	if list, err := c.NetworkList(t.Context(), label); err != nil || len(list) != 1 {
		t.Errorf("list: %v, %v", list, err)
	}
	member := container(t, c, ContainerConfig{Cmd: []string{"sleep", "60"}})
	if err := c.NetworkConnect(t.Context(), id, member, EndpointConfig{Aliases: []string{"me"}}); err != nil {
		t.Errorf("connect: %v", err)
	}
	if seen, err := c.ContainerInspect(t.Context(), member); err != nil || len(seen.NetworkSettings.Networks) != 2 {
		t.Errorf("the container's networks: %+v, %v", seen.NetworkSettings, err)
	}
	if err := c.NetworkDisconnect(t.Context(), id, member, false); err != nil {
		t.Errorf("disconnect: %v", err)
	}
	for range 2 {
		if err := c.NetworkRemove(t.Context(), id); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
	if _, err := c.NetworkInspect(t.Context(), id); !IsNotFound(err) {
		t.Errorf("inspect what was removed: %v", err)
	}
	if _, err := c.NetworkPrune(t.Context(), label); err != nil {
		t.Errorf("prune: %v", err)
	}
}

func TestEngineVolume(t *testing.T) {
	c := engine(t)
	name := testName(t)
	label := Filters{"label": {"dockerapi.test=" + name}}
	for range 2 { // twice the same volume
		volume, err := c.VolumeCreate(t.Context(), VolumeConfig{Name: name, Labels: map[string]string{"dockerapi.test": name}})
		if err != nil || volume.Name != name || volume.Driver != "local" || volume.CreatedAt.IsZero() {
			// podman refuses the second, unlike Docker
			if !isPodman(t, c) {
				t.Fatalf("create: %+v, %v", volume, err)
			}
		}
	}
	t.Cleanup(func() {
		if err := c.VolumeRemove(context.WithoutCancel(t.Context()), name, true); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	user := container(t, c, ContainerConfig{
		Cmd:        []string{"sh", "-c", "echo kept > /data/file"},
		HostConfig: HostConfig{Mounts: []Mount{{Type: "volume", Source: name, Target: "/data"}}},
	})
	if status, _, stderr := run(t, c, user); status.StatusCode != 0 {
		t.Fatalf("write into the volume: %+v %s", status, stderr)
	}
	if err := c.VolumeRemove(t.Context(), name, false); !IsConflict(err) {
		t.Errorf("remove a volume in use: %v, want a conflict", err)
	}
	if volume, err := c.VolumeInspect(t.Context(), name); err != nil || volume.Labels["dockerapi.test"] != name {
		t.Errorf("inspect: %+v, %v", volume, err)
	}
	if list, err := c.VolumeList(t.Context(), label); err != nil || len(list) != 1 {
		t.Errorf("list: %v, %v", list, err)
	}
	usage, err := c.SystemDataUsage(t.Context(), DiskUsageOptions{})
	if err != nil || usage.LayersSize <= 0 && !isPodman(t, c) || len(usage.Images) == 0 || len(usage.Volumes) == 0 {
		t.Errorf("disk usage: %+v, %v", usage, err)
	}
	if err := c.ContainerRemove(t.Context(), user, RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.VolumeRemove(t.Context(), name, false); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
	if _, err := c.VolumeInspect(t.Context(), name); !IsNotFound(err) {
		t.Errorf("inspect what was removed: %v", err)
	}
	if _, err := c.VolumePrune(t.Context(), label); err != nil {
		t.Errorf("prune: %v", err)
	}
}

func TestEngineExec(t *testing.T) {
	c := engine(t)
	id := container(t, c, ContainerConfig{Cmd: []string{"sleep", "60"}})
	if _, err := c.ContainerExec(t.Context(), id, ExecConfig{Cmd: []string{"true"}}); err == nil || !IsConflict(err) && !isPodman(t, c) { // podman says 500
		t.Errorf("exec in what does not run: %v, want a conflict", err)
	}
	if err := c.ContainerStart(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	start := func(cmd ...string) (int, map[Stream]string) {
		t.Helper()
		exec, err := c.ContainerExec(t.Context(), id, ExecConfig{Cmd: cmd, AttachStdout: true, AttachStderr: true, Env: []string{"X=y"}})
		if err != nil {
			t.Fatal(err)
		}
		stream, err := c.ExecStart(t.Context(), exec, false)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		texts := readFrames(t, stream)
		for {
			state, err := c.ExecInspect(t.Context(), exec)
			if err != nil {
				t.Fatal(err)
			}
			if !state.Running && state.ExitCode != nil {
				return *state.ExitCode, texts
			}
		}
	}
	if code, texts := start("sh", "-c", "echo $X; echo err >&2; exit 7"); code != 7 || texts[Stdout] != "y\n" || texts[Stderr] != "err\n" {
		t.Errorf("exec: %d %q", code, texts)
	}
	if !isPodman(t, c) { // podman refuses to start it
		if code, texts := start("no-such-command"); code != 126 && code != 127 || !strings.Contains(texts[Stdout], "no-such-command") {
			t.Errorf("exec of what is not there: %d %q", code, texts)
		}
	}
	if err := c.ContainerStop(t.Context(), id, StopOptions{}); err != nil {
		t.Error(err)
	}
}

func TestEngineEventsLogsStats(t *testing.T) {
	c := engine(t)
	since := time.Now().Add(-time.Second)
	id := container(t, c, ContainerConfig{
		Cmd:        []string{"sh", "-c", "echo one; echo two >&2; echo three; exit 4"},
		HostConfig: HostConfig{LogConfig: LogConfig{Type: "json-file"}},
	})
	events, err := c.SystemEvents(t.Context(), EventsOptions{Since: since, Filters: Filters{"container": {id}, "event": {"die", "died"}}}) // podman filters by its own words
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	status, stdout, stderr := run(t, c, id)
	if status.StatusCode != 4 {
		t.Errorf("exit: %+v", status)
	}
	event, err := events.Next()
	if err != nil || event.Actor.ID != id || event.Time().Before(since) {
		t.Errorf("event: %+v, %v", event, err)
	}
	if code := event.Actor.Attributes["exitCode"]; code != "4" {
		t.Errorf("event's exit code: %+v", event)
	}
	logs, err := c.ContainerLogs(t.Context(), id, LogsOptions{Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	if texts := readFrames(t, logs); texts[Stdout] != stdout || texts[Stderr] != stderr || stdout != "one\nthree\n" {
		t.Errorf("log %q, attach %q %q", texts, stdout, stderr)
	}

	running := container(t, c, ContainerConfig{Cmd: []string{"sleep", "60"}})
	if err := c.ContainerStart(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	stats, err := c.ContainerStats(t.Context(), running)
	if err != nil || stats.Read.IsZero() || stats.MemoryStats.Usage == 0 || stats.MemoryStats.WorkingSet() == 0 || stats.CPUStats.CPUUsage.TotalUsage == 0 {
		t.Errorf("stats: %+v, %v", stats, err)
	}
}
