package fakeengine_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/bench/fakeengine"
	"github.com/docker-worker/docker-worker/internal/sandbox"
)

// newEngine serves for one test, and makes a client that has agreed on a version.
func newEngine(t *testing.T) (*fakeengine.Engine, *dockerapi.Client) {
	t.Helper()
	engine, err := fakeengine.Start(filepath.Join(t.TempDir(), "engine"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := dockerapi.New(dockerapi.Config{Host: engine.Host()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := client.Negotiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return engine, client
}

func create(t *testing.T, client *dockerapi.Client, name string, labels map[string]string) string {
	t.Helper()
	created, err := client.ContainerCreate(t.Context(), name, dockerapi.ContainerConfig{Image: "any", Labels: labels, OpenStdin: true})
	if err != nil {
		t.Fatal(err)
	}
	return created.ID
}

func TestContainerRunsUntilTold(t *testing.T) {
	engine, client := newEngine(t)
	ctx := t.Context()
	id := create(t, client, "one", map[string]string{"kind": "task"})
	create(t, client, "other", nil)
	output, err := client.ContainerAttach(ctx, id, dockerapi.AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	wait, err := client.ContainerWait(ctx, id, dockerapi.WaitNextExit)
	if err != nil {
		t.Fatal(err)
	}
	defer wait.Close()
	if err := client.ContainerStart(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	if tasks, sandboxes := engine.Running(); tasks != 1 || sandboxes != 0 {
		t.Errorf("%d tasks and %d sandboxes run, want 1 and 0", tasks, sandboxes)
	}
	if c, err := client.ContainerInspect(ctx, id); err != nil || !c.State.Running || c.State.StartedAt.Year() == 1 {
		t.Errorf("a container that was started is shown as %+v, %v", c.State, err)
	}
	list, err := client.ContainerList(ctx, dockerapi.ListOptions{All: true, Filters: dockerapi.Filters{"label": {"kind=task"}}})
	if err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("the list of what has the label is %v, %v", list, err)
	}

	engine.Finish()
	status, err := wait.Result()
	if diff := cmp.Diff(dockerapi.ExitStatus{}, status); diff != "" || err != nil {
		t.Errorf("exit: %v %s", err, diff)
	}
	if n, err := output.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the output did not end: %d bytes, %v", n, err)
	}
	if err := client.ContainerRemove(ctx, id, dockerapi.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ContainerInspect(ctx, "one"); !dockerapi.IsNotFound(err) {
		t.Errorf("a container that was removed is shown: %v", err)
	}
}

func TestNamesAreGivenOnce(t *testing.T) {
	_, client := newEngine(t)
	create(t, client, "one", nil)
	if _, err := client.ContainerCreate(t.Context(), "one", dockerapi.ContainerConfig{Image: "any"}); !dockerapi.IsConflict(err) {
		t.Errorf("a second container of one name: %v, want a conflict", err)
	}
}

func TestSandboxAnswers(t *testing.T) {
	engine, client := newEngine(t)
	ctx := t.Context()
	id := create(t, client, "network", map[string]string{"docker-worker.sandbox": "x"})
	stream, err := client.ContainerAttach(ctx, id, dockerapi.AttachOptions{Stdin: true, Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if err := client.ContainerStart(ctx, id); err != nil {
		t.Fatal(err)
	}
	frames := dockerapi.NewFrameReader(stream)
	buffer := make([]byte, 100)
	hear := func(want string) {
		t.Helper()
		if n, _, err := frames.Read(buffer); err != nil || string(buffer[:n]) != want+"\n" {
			t.Fatalf("the sandbox says %q, %v; want %q", buffer[:n], err, want)
		}
	}
	hear(sandbox.Ready)
	if _, err := stream.Write([]byte(sandbox.Check + "\n")); err != nil {
		t.Fatal(err)
	}
	hear(sandbox.Answer{}.String())
	if tasks, sandboxes := engine.Running(); tasks != 0 || sandboxes != 1 {
		t.Errorf("%d tasks and %d sandboxes run, want 0 and 1", tasks, sandboxes)
	}
	// Its removal ends the conversation.
	if err := client.ContainerRemove(ctx, id, dockerapi.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := frames.Read(buffer); err == nil {
		t.Error("a sandbox that was removed goes on talking")
	}
}
