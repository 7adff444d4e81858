package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	fsouza "github.com/fsouza/go-dockerclient"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	moby "github.com/moby/moby/client"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// engineClient is what is measured: an inspection, and the life of a container up to its removal with all of its output
// thrown away.
type engineClient interface {
	inspect(ctx context.Context, id string) error
	round(ctx context.Context, name string, cmd []string) (int64, error)
}

func image() string {
	if image := os.Getenv("BENCH_IMAGE"); image != "" {
		return image
	}
	return "localhost/dockerapi-test:1"
}

var errExit = errors.New("the container failed")

type ours struct{ c *dockerapi.Client }

func newOurs() (engineClient, error) {
	cfg, err := dockerapi.ConfigFromEnv(os.Getenv)
	if err != nil {
		return nil, err
	}
	c, err := dockerapi.New(cfg)
	return ours{c}, err
}

func (o ours) inspect(ctx context.Context, id string) error {
	_, err := o.c.ContainerInspect(ctx, id)
	return err
}

func (o ours) round(ctx context.Context, name string, cmd []string) (int64, error) {
	created, err := o.c.ContainerCreate(ctx, name, dockerapi.ContainerConfig{
		Image: image(), Cmd: cmd,
		HostConfig: dockerapi.HostConfig{NetworkMode: "none", LogConfig: dockerapi.LogConfig{Type: "none"}},
	})
	if err != nil {
		return 0, err
	}
	stream, err := o.c.ContainerAttach(ctx, created.ID, dockerapi.AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	wait, err := o.c.ContainerWait(ctx, created.ID, dockerapi.WaitNextExit)
	if err != nil {
		return 0, err
	}
	defer wait.Close()
	if err := o.c.ContainerStart(ctx, created.ID); err != nil {
		return 0, err
	}
	var total int64
	frames := dockerapi.NewFrameReader(bufio.NewReaderSize(stream, 4<<10))
	for p := make([]byte, 32<<10+8); ; {
		n, _, err := frames.Read(p)
		total += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	status, err := wait.Result()
	if err != nil || status.StatusCode != 0 {
		return 0, errors.Join(errExit, err)
	}
	return total, o.c.ContainerRemove(ctx, created.ID, dockerapi.RemoveOptions{Force: true, Volumes: true})
}

type official struct{ c *moby.Client }

func newOfficial() (engineClient, error) {
	c, err := moby.New(moby.FromEnv)
	return official{c}, err
}

func (o official) inspect(ctx context.Context, id string) error {
	_, err := o.c.ContainerInspect(ctx, id, moby.ContainerInspectOptions{})
	return err
}

func (o official) round(ctx context.Context, name string, cmd []string) (int64, error) {
	created, err := o.c.ContainerCreate(ctx, moby.ContainerCreateOptions{
		Name: name, Config: &container.Config{Image: image(), Cmd: cmd},
		HostConfig: &container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}},
	})
	if err != nil {
		return 0, err
	}
	stream, err := o.c.ContainerAttach(ctx, created.ID, moby.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	wait := o.c.ContainerWait(ctx, created.ID, moby.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := o.c.ContainerStart(ctx, created.ID, moby.ContainerStartOptions{}); err != nil {
		return 0, err
	}
	total, err := stdcopy.StdCopy(io.Discard, io.Discard, stream.Reader)
	if err != nil {
		return 0, err
	}
	select {
	case err := <-wait.Error:
		return 0, err
	case status := <-wait.Result:
		if status.StatusCode != 0 {
			return 0, errExit
		}
	}
	_, err = o.c.ContainerRemove(ctx, created.ID, moby.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return total, err
}

type third struct{ c *fsouza.Client }

func newThird() (engineClient, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = dockerapi.DefaultHost
	}
	c, err := fsouza.NewClient(host)
	return third{c}, err
}

func (o third) inspect(ctx context.Context, id string) error {
	_, err := o.c.InspectContainerWithOptions(fsouza.InspectContainerOptions{Context: ctx, ID: id})
	return err
}

// counter counts what is written and forgets it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func (o third) round(ctx context.Context, name string, cmd []string) (int64, error) {
	created, err := o.c.CreateContainer(fsouza.CreateContainerOptions{
		Context: ctx, Name: name, Config: &fsouza.Config{Image: image(), Cmd: cmd},
		HostConfig: &fsouza.HostConfig{NetworkMode: "none", LogConfig: fsouza.LogConfig{Type: "none"}},
	})
	if err != nil {
		return 0, err
	}
	var out counter
	attached := make(chan struct{})
	stream, err := o.c.AttachToContainerNonBlocking(fsouza.AttachToContainerOptions{
		Container: created.ID, OutputStream: &out, ErrorStream: io.Discard, Stream: true, Stdout: true, Stderr: true, Success: attached,
	})
	if err != nil {
		return 0, err
	}
	<-attached
	attached <- struct{}{}
	if err := o.c.StartContainerWithContext(created.ID, nil, ctx); err != nil {
		return 0, err
	}
	if err := stream.Wait(); err != nil {
		return 0, err
	}
	status, err := o.c.WaitContainerWithContext(created.ID, ctx) // it has no wait for the next exit
	if err != nil || status != 0 {
		return 0, fmt.Errorf("%w: %d %w", errExit, status, err)
	}
	return out.n, o.c.RemoveContainer(fsouza.RemoveContainerOptions{Context: ctx, ID: created.ID, Force: true, RemoveVolumes: true})
}
