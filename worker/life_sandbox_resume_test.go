package worker

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An engine that goes away and keeps its containers takes nothing from a task.
func TestSandboxOfAnEngineThatWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, seen := newRig(t), &networks{program: func(p *process) int { p.sleep(10 * time.Minute); return 0 }}
		r.engine.info.LiveRestoreEnabled = true
		e := r.withSandboxes(1)
		e.runs(seen.run)
		r.start()
		claim := r.deliver(someTask)
		r.engine.away()
		r.await(2 * time.Minute)
		r.engine.back()
		r.await(10 * time.Minute)
		if got, _ := r.told("", claim); got.Reason != Completed {
			t.Errorf("%+v, %q", got, r.outcome().Message)
		}
		r.await(5 * time.Minute)
		if left := e.sandboxes(); len(left) != 1 {
			t.Errorf("sandboxes: %v, want one", left)
		}
		r.end()
	})
}

// A worker that comes back finds the sandboxes of the process before: the one that a task is in stays the task's, the
// free one serves, and those that are not what they should be go.
func TestSandboxesOfAnEarlierProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, seen := newRig(t), &networks{}
		r.cfg.Capacity = 2
		e := r.withSandboxes(2)
		e.runs(func(p *process) int {
			if p.Config.Labels[LabelTask] == "t1" {
				p.sleep(10 * time.Minute)
				return 0
			}
			return seen.run(p)
		})
		// What was: a sandbox with a running task, a free one, one of another policy, and one that has ended.
		before := newSandboxes(r.cfg.Sandboxes, e, slog.New(slog.DiscardHandler), "w1", func(context.Context) error { return nil })
		var left []*heldNetwork
		for range 4 {
			n, err := before.create(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n.link.close()
			left = append(left, n)
		}
		name := func(n *heldNetwork) string { return strings.TrimPrefix(n.id, "id-of-") }
		e.containers[name(left[2])].config.Labels[LabelSandbox] = "another"
		e.kill(name(left[3]))
		earlier := r.leave(TaskClaimed, TaskPreparing, TaskStarted).created()
		earlier.container.config.Labels[LabelJoined] = formatJoined(&heldNetwork{id: left[0].id, in: 7, out: 8})
		earlier.container.config.HostConfig.NetworkMode = "container:" + left[0].id
		earlier.started()
		synctest.Wait()

		r.start()
		if diff := cmp.Diff(slices.Sorted(slices.Values([]string{name(left[0]), name(left[1])})), e.sandboxes()); diff != "" {
			t.Errorf("sandboxes (-want +got):\n%s", diff)
		}
		r.deliver(someTask, func(d *Delivery) { d.MessageID = "t2" })
		if diff := cmp.Diff([]string{name(left[1])}, seen.names); diff != "" {
			t.Errorf("the network of a new task (-want +got):\n%s", diff)
		}
		r.await(11 * time.Minute)
		if got, _ := r.told("t1", earlier.claim); got.Reason != Completed {
			t.Errorf("the task that was there: %+v", got)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values([]string{name(left[0]), name(left[1])})), e.sandboxes()); diff != "" {
			t.Errorf("sandboxes at the end (-want +got):\n%s", diff)
		}
		r.end()
	})
}

// To reap is not to take a running task's network away.
func TestReapKnowsSandboxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.withSandboxes(2)
		e.runs(func(p *process) int { p.sleep(time.Hour); return 0 })
		before := newSandboxes(r.cfg.Sandboxes, e, slog.New(slog.DiscardHandler), "w1", func(context.Context) error { return nil })
		var left []*heldNetwork
		for range 2 {
			n, err := before.create(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n.link.close()
			left = append(left, n)
		}
		earlier := r.leave(TaskClaimed).created()
		earlier.container.config.Labels[LabelJoined] = formatJoined(left[0])
		earlier.started()
		r.cfg.Sandboxes = Sandboxes{} // as docker-worker reap has it
		w, err := New(r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		found, err := w.Reap(t.Context(), false)
		if err != nil || len(found) != 1 || found[0].Kind != "sandbox" || found[0].Name != left[1].id {
			t.Errorf("found %+v, %v; want the sandbox that nobody is in", found, err)
		}
		for _, n := range []string{left[0].id, earlier.container.id} {
			if err := e.ContainerRemove(t.Context(), n, removeAll); err != nil {
				t.Error(err)
			}
		}
	})
}
