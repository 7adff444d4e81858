package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/sandbox"
	"github.com/docker-worker/docker-worker/worker/task"
)

// someDenied is a policy for which tasks wait.
var someDenied = sandbox.Policy{Deny: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}

// networks notes which network each task has, by the name of its sandbox; "" is one of its own.
type networks struct {
	names   []string
	program program // what the task does besides
}

func (n *networks) run(p *process) int {
	p.container.engine.mu.Lock()
	name := strings.TrimPrefix(p.Config.HostConfig.NetworkMode, "container:id-of-")
	n.names = append(n.names, name)
	p.container.engine.mu.Unlock()
	if n.program != nil {
		return n.program(p)
	}
	return 0
}

func startsInSandbox(t *testing.T, r *rig) []bool {
	t.Helper()
	var all []bool
	for _, m := range r.events.all("task.started") {
		var details struct{ Sandbox bool }
		if err := json.Unmarshal(m.Body, &details); err != nil {
			t.Fatal(err)
		}
		all = append(all, details.Sandbox)
	}
	return all
}

// Tasks join the same sandbox one after the other, and it is gone with the worker.
func TestSandboxServesTaskAfterTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, seen := newRig(t), &networks{}
		e := r.withSandboxes(1)
		e.runs(seen.run)
		r.cfg.Sandboxes.Network = someDenied
		r.engine.images["docker-worker/sandbox:000000000000"] = dockerapi.Image{ID: "an old one"}
		r.start()
		pool := e.sandboxes()
		if len(pool) != 1 {
			t.Fatalf("sandboxes: %v, want one", pool)
		}
		c := e.containers[pool[0]].config
		h := c.HostConfig
		if diff := cmp.Diff([]string{"--deny", "192.0.2.0/24"}, c.Cmd); diff != "" ||
			!h.ReadonlyRootfs || !slices.Equal(h.CapDrop, []string{"ALL"}) || !slices.Equal(h.CapAdd, []string{"NET_ADMIN"}) ||
			h.Memory != sandboxMemory || h.PidsLimit == nil || h.LogConfig.Type != noLog || !slices.Equal(h.SecurityOpt, []string{"no-new-privileges"}) {
			t.Errorf("the sandbox is %+v (-want +got of its arguments):\n%s", h, diff)
		}
		for i := range 3 {
			r.deliver(someTask, func(d *Delivery) { d.MessageID = fmt.Sprint("t", i) })
		}
		r.await(10 * time.Minute) // the reaper looks for leftovers several times
		if diff := cmp.Diff(pool, e.sandboxes()); diff != "" {
			t.Errorf("sandboxes (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff([]string{pool[0], pool[0], pool[0]}, seen.names); diff != "" {
			t.Errorf("networks of the tasks (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]bool{true, true, true}, startsInSandbox(t, r)); diff != "" {
			t.Errorf("sandbox, in task.started (-want +got):\n%s", diff)
		}
		if e.called(onLoad) != 1 || e.called(onImageRemove) != 1 {
			t.Errorf("images: loaded %d times, removed %d times; want the one loaded and the old one removed", e.called(onLoad), e.called(onImageRemove))
		}
		r.end()
	})
}

// What serves is in order: a sandbox in which something was left is thrown away, and so is one that has served its
// time; and another takes its place.
func TestSandboxIsReplaced(t *testing.T) {
	for name, s := range map[string]struct {
		set   func(*rig, *sandboxEngineInMemory)
		after func(*sandboxEngineInMemory) // the first task
		told  string
	}{
		"something was left in it": {set: func(_ *rig, e *sandboxEngineInMemory) { e.dirty = "left: tcp 1" }, told: "left: tcp 1"},
		"it serves once":           {set: func(r *rig, _ *sandboxEngineInMemory) { r.cfg.Sandboxes.Once = true }, told: "it serves once"},
		"the task's container cannot be removed": {
			set:  func(r *rig, _ *sandboxEngineInMemory) { r.engine.script(onRemove, engineAnswer(500)) },
			told: "is there still, or the engine cannot tell",
		},
		"it ends while nobody is in it": {after: func(e *sandboxEngineInMemory) { e.kill(e.sandboxes()[0]) }, told: "has ended by itself"},
		"it is removed by somebody": {
			after: func(e *sandboxEngineInMemory) {
				_ = e.ContainerRemove(t.Context(), e.sandboxes()[0], removeAll)
			},
			told: "has ended by itself",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, seen := newRig(t), &networks{}
				e := r.withSandboxes(1)
				e.runs(seen.run)
				if s.set != nil {
					s.set(r, e)
				}
				r.start()
				r.deliver(someTask)
				if s.after != nil {
					s.after(e)
				}
				r.await(time.Second)
				r.deliver(someTask, func(d *Delivery) { d.MessageID = "t2" })
				if len(seen.names) != 2 || seen.names[0] == "" || seen.names[1] == "" || seen.names[0] == seen.names[1] {
					t.Errorf("networks of the tasks: %q, want two sandboxes", seen.names)
				}
				r.saw(s.told)
				r.await(5 * time.Minute)
				if left := e.sandboxes(); len(left) != 1 {
					t.Errorf("sandboxes: %v, want one", left)
				}
				r.end()
			})
		})
	}
}

// Where no sandbox is ready, or none can be made.
func TestSandboxIsMissing(t *testing.T) {
	for name, s := range map[string]struct {
		deny    sandbox.Policy
		strict  bool
		refuses bool // the process cannot do its work
		slow    bool // it takes a minute
		want    story
		network bool // the task ran in a sandbox
		after   time.Duration
	}{
		"nothing is denied":         {slow: true, want: story{Reason: Completed}},
		"something is denied":       {deny: someDenied, slow: true, want: story{Reason: Completed}, network: true, after: time.Minute},
		"none can be made":          {deny: someDenied, refuses: true, want: story{Reason: Completed}},
		"none can be made, strict":  {deny: someDenied, strict: true, refuses: true, want: story{Reason: ResourceUnavailable, Retrying: true}},
		"one comes in time, strict": {deny: someDenied, strict: true, slow: true, want: story{Reason: Completed}, network: true, after: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, seen := newRig(t), &networks{}
				e := r.withSandboxes(1)
				e.runs(seen.run)
				r.cfg.Sandboxes.Network, r.cfg.Sandboxes.Strict = s.deny, s.strict
				if s.refuses {
					e.refuses = "cannot make a route"
				}
				if s.slow {
					e.wait = make(chan struct{})
				}
				r.start()
				begun := time.Now()
				claim := r.deliver(someTask)
				if ran := len(seen.names) > 0; s.slow && ran == (s.after > 0) {
					t.Errorf("the task has begun: %v", ran)
				}
				if s.slow {
					r.await(9 * time.Second) // less than the worker waits for a sandbox to speak
					close(e.wait)
					synctest.Wait()
				}
				r.await(time.Second)
				got, _ := r.told("", claim)
				if got.Reason != s.want.Reason || got.Retrying != s.want.Retrying {
					t.Errorf("after %v: %+v, want %+v", time.Since(begun), got, s.want)
				}
				if in := slices.ContainsFunc(seen.names, func(n string) bool { return n != "" }); in != s.network {
					t.Errorf("networks of the tasks: %q", seen.names)
				}
				if s.refuses {
					r.saw("cannot make a sandbox")
					r.saw("cannot make a route")
				}
				r.await(time.Minute)
				r.end()
			})
		})
	}
}

// A worker of another version removes the image whenever it sees it.
func TestSandboxImageIsRemovedBesides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, seen := newRig(t), &networks{}
		e := r.withSandboxes(1)
		e.runs(seen.run)
		e.hook(onCreate, func(_ context.Context, nth int) error {
			if nth < 3 {
				e.fakeEngine.mu.Lock()
				defer e.fakeEngine.mu.Unlock()
				for reference := range e.images {
					if strings.HasPrefix(reference, "docker-worker/sandbox:") {
						delete(e.images, reference)
					}
				}
			}
			return nil
		})
		r.start()
		r.deliver(someTask)
		if len(seen.names) != 1 || seen.names[0] == "" || e.called(onLoad) != 3 {
			t.Errorf("networks of the tasks: %q; the image was loaded %d times, want 3", seen.names, e.called(onLoad))
		}
		r.end()
	})
}

// A task whose network is gone is not left to itself.
func TestSandboxEndsBeforeItsTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, seen := newRig(t), &networks{program: func(p *process) int { p.sleep(time.Hour); return 0 }}
		e := r.withSandboxes(1)
		e.runs(seen.run)
		r.start()
		claim := r.deliver(someTask)
		e.kill(seen.names[0])
		r.await(11 * time.Minute)
		if got, _ := r.told("", claim); got.Reason != ResourceUnavailable || !got.Retrying || !strings.Contains(r.outcome().Message, errNetworkGone.Error()) {
			t.Errorf("%+v, %q", got, r.outcome().Message)
		}
		if left := e.sandboxes(); len(left) != 1 || left[0] == seen.names[0] {
			t.Errorf("sandboxes: %v, want another than %s", left, seen.names[0])
		}
		r.end()
	})
}

// What a network has carried for others is not this task's.
func TestUsageInASandbox(t *testing.T) {
	var u usage
	u.networkBefore(100, 20)
	u.add(dockerapi.Stats{MemoryStats: dockerapi.MemoryStats{Usage: 1}, Networks: map[string]dockerapi.NetworkStats{"eth0": {RxBytes: 150, TxBytes: 10}}}, time.Now())
	if got := u.summary(nil, task.Limits{}); got.NetworkIn != 50 || got.NetworkOut != 0 {
		t.Errorf("in %d, out %d; want 50 and 0", got.NetworkIn, got.NetworkOut)
	}
}

func TestJoins(t *testing.T) {
	for body, want := range map[string]bool{
		`{"image": "x"}`:                                             true,
		`{"image": "x", "network": "bridge"}`:                        true,
		`{"image": "x", "network": "none"}`:                          false,
		`{"image": "x", "network": "host"}`:                          false,
		`{"image": "x", "network": "other"}`:                         false,
		`{"image": "x", "services": {"db": {"image": "y"}}}`:         false,
		`{"image": "x", "capabilities": {"privileged": true}}`:       false,
		`{"image": "x", "capabilities": {"add": ["NET_ADMIN"]}}`:     false,
		`{"image": "x", "capabilities": {"add": ["SYS_ADMIN"]}}`:     false,
		`{"image": "x", "capabilities": {"disableSeccomp": true}}`:   true, // so that it cannot reach what is denied either
		`{"image": "x", "capabilities": {"devices": {"kvm": true}}}`: true,
		`{"image": "x", "features": {"allowPtrace": true}}`:          true,
		`{"image": "x", "cache": {"c": "/c"}, "user": "1000:1000"}`:  true,
	} {
		policy := task.Policy{}
		for _, right := range []string{"privileged", "no-seccomp", "device=kvm", "capability=NET_ADMIN", "capability=SYS_ADMIN", "capability=SYS_PTRACE", "network=host", "network=other"} {
			if err := policy.Allow.ParseAllowance(right); err != nil {
				t.Fatal(err)
			}
		}
		parsed, err := task.Parse([]byte(body), policy)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got := Joins(parsed); got != want {
			t.Errorf("%s joins: %v, want %v", body, got, want)
		}
	}
}
