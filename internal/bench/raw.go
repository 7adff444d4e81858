package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// inLoops calls one tasks times, from capacity loops side by side.
func inLoops(capacity, tasks int, one func() error) error {
	var left atomic.Int64
	left.Store(int64(tasks))
	errs := make([]error, capacity)
	var loops sync.WaitGroup
	for i := range capacity {
		loops.Go(func() {
			for left.Add(-1) >= 0 && errs[i] == nil {
				errs[i] = one()
			}
		})
	}
	loops.Wait()
	return errors.Join(errs...)
}

// rawContainer runs a container as the worker does, with nothing around: create, attach, wait, start, inspect, remove.
// network is "" for the engine's own bridge.
func rawContainer(ctx context.Context, client *dockerapi.Client, network string) (err error) {
	created, err := client.ContainerCreate(ctx, "", dockerapi.ContainerConfig{
		Image:        image,
		Cmd:          []string{"true"},
		AttachStdout: true,
		AttachStderr: true,
		HostConfig:   dockerapi.HostConfig{NetworkMode: network, LogConfig: dockerapi.LogConfig{Type: "none"}},
	})
	if err != nil {
		return err
	}
	defer func() {
		if e := client.ContainerRemove(context.WithoutCancel(ctx), created.ID, dockerapi.RemoveOptions{Force: true, Volumes: true}); err == nil {
			err = e
		}
	}()
	output, err := client.ContainerAttach(ctx, created.ID, dockerapi.AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	defer output.Close()
	wait, err := client.ContainerWait(ctx, created.ID, dockerapi.WaitNextExit)
	if err != nil {
		return err
	}
	defer wait.Close()
	if err := client.ContainerStart(ctx, created.ID); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, output); err != nil {
		return err
	}
	status, err := wait.Result()
	if err == nil && status.StatusCode != 0 {
		err = fmt.Errorf("container ended with %d", status.StatusCode)
	}
	if err != nil {
		return err
	}
	_, err = client.ContainerInspect(ctx, created.ID)
	return err
}

// dockerRun is `docker run --rm`; it returns the processors' time that the command used.
func dockerRun(ctx context.Context, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"run", "--rm", image}, args...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("docker run: %w: %s", err, text)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
