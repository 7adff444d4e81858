package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// rawRound runs containers as the worker does, with nothing around: create, attach, wait, start, inspect, remove.
func rawRound(ctx context.Context, client *dockerapi.Client, capacity, containers int) (time.Duration, error) {
	return timed(func() error {
		var left atomic.Int64
		left.Store(int64(containers))
		errs := make(chan error, capacity)
		var loops sync.WaitGroup
		for range capacity {
			loops.Go(func() {
				for left.Add(-1) >= 0 {
					if err := rawContainer(ctx, client); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		loops.Wait()
		close(errs)
		return <-errs
	})
}

func rawContainer(ctx context.Context, client *dockerapi.Client) (err error) {
	created, err := client.ContainerCreate(ctx, "", dockerapi.ContainerConfig{
		Image:        image,
		Cmd:          []string{"true"},
		AttachStdout: true,
		AttachStderr: true,
		HostConfig:   dockerapi.HostConfig{LogConfig: dockerapi.LogConfig{Type: "none"}},
	})
	if err != nil {
		return err
	}
	defer func() {
		if e := client.ContainerRemove(ctx, created.ID, dockerapi.RemoveOptions{Force: true, Volumes: true}); err == nil {
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
	if status, err := wait.Result(); err != nil || status.StatusCode != 0 {
		return fmt.Errorf("container ended with %d, %w", status.StatusCode, err)
	}
	_, err = client.ContainerInspect(ctx, created.ID)
	return err
}
