package worker

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// speaker is a program that runs for 60 s and says so every 10.
func speaker(p *process) int {
	for _, word := range []string{"one\n", "two\n", "three\n", "four\n", "five\n", "six\n"} {
		_, _ = io.WriteString(p.Stdout, word)
		p.sleep(10 * time.Second)
	}
	return 7
}

// The engine goes away while the container runs.
func TestLifeThroughAnEngineRestart(t *testing.T) {
	const ran = "claimed preparing started "
	taken := story{Events: ran + "log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"}
	exited := story{Events: ran + "log failed", Reason: Failed, ExitCode: "7", Settled: "done"}
	const notice = "[docker-worker] lost the connection to the Docker engine"
	liveRestore := func(e *fakeEngine) { e.info.LiveRestoreEnabled = true }
	// restart takes the engine away after 25 s, and brings it back 20 s later; the container is killed in between or not.
	restart := func(kill bool) func(*rig, *fakeClaim) {
		return func(r *rig, _ *fakeClaim) {
			r.await(25 * time.Second)
			r.engine.away()
			r.await(5 * time.Second)
			if kill {
				r.engine.only(r.t).kill()
			}
			r.await(15 * time.Second)
			r.engine.back()
		}
	}
	live(t, map[string]scenario{
		"the connections break, no more": {
			program: speaker,
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(25 * time.Second)
				r.engine.drop()
			},
			log:   []string{"three\n" + notice, "four\nfive\nsix\n"},
			asked: map[call]int{onStart: 1, onAttach: 2, onWait: 2},
			want:  exited,
		},
		"it comes back with the container": {
			program:   speaker,
			meanwhile: restart(false),
			log:       []string{"three\n" + notice, "six\n"},
			noLog:     []string{"four\n"}, // nobody was there to hear it
			want:      exited,
		},
		"it takes the container with it": {
			program:   speaker,
			meanwhile: restart(true),
			log:       []string{"resource-unavailable: the engine went away and took the container with it (exit code 137)"},
			want:      taken,
		},
		"containers live on without it, and this one ended": {
			program:   speaker,
			engine:    liveRestore,
			meanwhile: restart(true),
			want:      story{Events: ran + "log failed", Reason: Failed, ExitCode: "137", Settled: "done"},
		},
		"the command had succeeded before": {
			program:   says("done\n", 0),
			engine:    func(e *fakeEngine) { e.deaf = true },
			meanwhile: restart(false),
			log:       []string{"done\n" + notice},
			want:      story{Events: ran + "log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"the command had failed before": { // or an engine that shuts down had stopped it: nobody can tell
			program:   says("oh\n", 143),
			engine:    func(e *fakeEngine) { e.deaf = true },
			meanwhile: restart(false),
			want:      taken,
		},
		"it stops the container, tells the exit, and is gone": {
			program: speaker,
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(25 * time.Second)
				r.engine.hook(onPing, func(context.Context, int) error { return engineAnswer(503) })
				r.engine.only(r.t).kill()
				r.await(5 * time.Second)
				r.engine.back()
			},
			want: taken,
		},
		"one that keeps containers alive stops a young one all the same": {
			program: speaker,
			engine:  liveRestore,
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(time.Second)
				r.engine.hook(onPing, func(context.Context, int) error { return engineAnswer(503) })
				r.engine.only(r.t).kill()
				r.await(5 * time.Second)
				r.engine.back()
			},
			log:  []string{"resource-unavailable: the engine went away and took the container with it (exit code 137)"},
			want: taken,
		},
		"one that keeps containers alive is going, and the command failed by itself": {
			program: says("oh\n", 7),
			engine: func(e *fakeEngine) {
				liveRestore(e)
				e.hook(onStart, func(context.Context, int) error {
					e.hook(onPing, func(_ context.Context, nth int) error {
						if nth > 1 {
							return nil
						}
						return engineAnswer(503)
					})
					return nil
				})
			},
			want: exited,
		},
		"it comes back without the container": {
			program: speaker,
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.engine.hook(onInspect, notFound)
				r.engine.drop()
			},
			log:  []string{"resource-unavailable: the engine came back without the container"},
			want: taken,
		},
		"it comes back and cannot tell": {
			program: speaker,
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.engine.script(onInspect, engineAnswer(500))
				r.engine.drop()
			},
			log:  []string{"resource-unavailable: inspect the container after the engine came back: "},
			want: taken,
		},
		"it answers a ping long before it answers more": {
			program: speaker,
			meanwhile: func(r *rig, _ *fakeClaim) {
				busy := func(_ context.Context, nth int) error {
					if nth <= 3 {
						return engineAnswer(503)
					}
					return nil
				}
				r.engine.hook(onInspect, busy)
				r.engine.hook(onAttach, busy)
				r.engine.hook(onWait, busy)
				r.engine.drop()
			},
			log:   []string{"six\n"},
			asked: map[call]int{onAttach: 1 + 3 + 4, onWait: 1 + 4},
			want:  exited,
		},
		"it goes away twice": {
			program: speaker,
			meanwhile: func(r *rig, c *fakeClaim) {
				r.engine.drop()
				r.await(15 * time.Second)
				r.engine.drop()
			},
			log:  []string{"six\n"},
			want: exited,
		},
		"time is up while it is away": {
			task:    `{"image": "tool", "maxRunTime": 30}`,
			program: speaker,
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(25 * time.Second)
				r.engine.away()
				r.await(10 * time.Second)
				r.engine.back()
				_ = r.engine.ContainerRemove(r.t.Context(), r.engine.only(r.t).id, removeAll)
			},
			want: story{Events: ran + "log failed", Reason: Timeout, Settled: "done"},
		},
	})
}

// A worker takes no task while the engine is away, says so once, and goes on by itself.
func TestGateKeepsTasksInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Capacity = 4
		r.engine.hook(onPing, func(context.Context, int) error { return engineAnswer(503) })
		r.start()
		claims := make(chan *fakeClaim, 1)
		go func() { claims <- r.queue.deliver(Delivery{Body: []byte(someTask), MessageID: "t1"}) }()
		r.await(10 * time.Minute)
		if len(claims) != 0 {
			t.Error("a task was taken for an engine that is away")
		}
		if n := r.operator.count("the engine does not answer"); n != 1 {
			t.Errorf("the operator is told %d times", n)
		}
		if n := r.engine.called(onPing); n < 60 || n > 80 {
			t.Errorf("%d pings in ten minutes; at most 10 s are between two", n)
		}
		r.engine.back()
		if c := <-claims; c != nil {
			<-c.settled
		}
		if !r.operator.has("the engine answers again") {
			t.Error("the operator is not told that the engine is back")
		}
		r.end()
	})
}

// A ping that hangs is an engine that is away.
func TestGateDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engine.hook(onPing, func(ctx context.Context, nth int) error {
			if nth > 1 {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		r.start()
		r.await(11 * time.Second)
		claim := r.deliver(someTask)
		<-claim.settled
		r.end()
		if !r.operator.has("the engine does not answer") {
			t.Error("the operator is not told")
		}
	})
}

// What an earlier process left behind goes before the first task is taken; what belongs to others stays.
func TestLeftoversAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for name, worker := range map[string]string{"mine": "w1", "another's": "w2"} {
			r.engine.containers[name] = newFakeContainer(r.engine, name,
				dockerapi.ContainerConfig{Labels: map[string]string{LabelWorker: worker, LabelTask: "old"}})
		}
		r.start()
		if c := r.engine.only(t); c.name != "another's" {
			t.Errorf("container %s is left", c.name)
		}
		if !r.operator.has("task=old") {
			t.Error("the operator is not told which task's container it was")
		}
		_ = r.engine.ContainerRemove(t.Context(), "another's", removeAll)
		r.end()
	})
}
