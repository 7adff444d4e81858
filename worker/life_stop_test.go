package worker

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// pullsForEver is an engine without the image, and a pull that ends with its context alone.
func pullsForEver(e *fakeEngine) {
	clear(e.images)
	e.pulling = func(ctx context.Context, _ func(dockerapi.PullProgress)) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// The command does not end by itself in time.
func TestLifeToTheTimeout(t *testing.T) {
	const told = "claimed preparing started log failed"
	task := `{"image": "tool", "maxRunTime": 60, "stopGrace": 20}`
	live(t, map[string]scenario{
		"it exits within the grace": {
			task: task, program: obeys(19*time.Second, 0),
			log:   []string{"working\ncleaning up\nclean\n", "[docker-worker] timeout: maxRunTime exceeded: 1m0s"},
			asked: map[call]int{onStop: 1},
			want:  story{Events: told, Reason: Timeout, ExitCode: "0", Settled: "done"},
		},
		"it needs SIGKILL": {
			task: task, program: obeys(21*time.Second, 0),
			log:   []string{"working\ncleaning up\n"},
			asked: map[call]int{onStop: 1},
			want:  story{Events: told, Reason: Timeout, ExitCode: "137", Settled: "done"},
		},
		"the engine cannot stop it": { // so it is killed
			task: task, program: stubborn,
			engine: func(e *fakeEngine) { e.script(onStop, engineAnswer(500)) },
			asked:  map[call]int{onStop: 1, onKill: 1},
			want:   story{Events: told, Reason: Timeout, ExitCode: "137", Settled: "done"},
		},
		"the engine can neither stop nor kill it": {
			task: task, program: stubborn,
			engine: func(e *fakeEngine) {
				e.script(onStop, engineAnswer(500))
				e.script(onKill, engineAnswer(500))
			},
			want: story{Events: told, Reason: Timeout, Settled: "done"}, // the removal does it
		},
		"the engine goes away meanwhile": {
			task: task, program: stubborn,
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(70 * time.Second)
				r.engine.drop()
			},
			want: story{Events: told, Reason: Timeout, Settled: "done"},
		},
		"no time but the worker's": {
			program: stubborn,
			config:  func(c *Config) { c.Policy.MaxRunTime = time.Minute },
			log:     []string{"timeout: maxRunTime exceeded: 1m0s"},
			want:    story{Events: told, Reason: Timeout, ExitCode: "137", Settled: "done"},
		},
		"preparation does not count": {
			task: `{"image": "tool", "maxRunTime": 1}`,
			engine: func(e *fakeEngine) {
				e.hook(onCreate, func(ctx context.Context, _ int) error { return sleep(ctx, time.Hour) })
			},
			want: story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
	})
}

// The worker must go.
func TestLifeToTheShutdown(t *testing.T) {
	stop := func(r *rig, _ *fakeClaim) { r.stop() }
	const ran = "claimed preparing started log "
	live(t, map[string]scenario{
		"while the command runs": {
			program: obeys(time.Second, 3), meanwhile: stop,
			log:  []string{"working\ncleaning up\nclean\n[docker-worker] worker-shutdown: the worker shuts down\n"},
			want: story{Events: ran + "exception", Reason: WorkerShutdown, ExitCode: "3", Retrying: true, Settled: "retry 1"},
		},
		"while a stubborn command runs, for as long as it may": {
			task: `{"image": "tool", "stopGrace": 600}`, program: stubborn, meanwhile: stop,
			want: story{Events: ran + "exception", Reason: WorkerShutdown, ExitCode: "137", Retrying: true, Settled: "retry 1"},
		},
		"while the image is pulled": {
			engine: pullsForEver, meanwhile: stop,
			want: story{Events: "claimed preparing log exception", Reason: WorkerShutdown, Retrying: true, Settled: "retry 1"},
		},
		"while the container is created": { // the engine goes on creating
			engine: func(e *fakeEngine) {
				e.hook(onCreate, func(ctx context.Context, nth int) error {
					if nth > 1 {
						return nil
					}
					<-ctx.Done()
					_, err := e.ContainerCreate(context.WithoutCancel(ctx), containerName("w1", "t1", 1), dockerapi.ContainerConfig{Image: imageOfTool})
					return err
				})
			},
			meanwhile: stop,
			asked:     map[call]int{onStart: 0, onRemove: 2},
			want:      story{Events: "claimed preparing log exception", Reason: WorkerShutdown, Retrying: true, Settled: "retry 1"},
		},
		"while the container is started": { // it is stopped in order
			engine:    func(e *fakeEngine) { e.startDelay = 5 * time.Second },
			program:   obeys(time.Second, 0),
			meanwhile: stop,
			log:       []string{"cleaning up\nclean\n"},
			want:      story{Events: ran + "exception", Reason: WorkerShutdown, ExitCode: "0", Retrying: true, Settled: "retry 1"},
		},
		"while the last attempt runs": {
			message: func(d *Delivery) { d.Attempts = 4 },
			program: obeys(time.Second, 0), meanwhile: stop,
			want: story{Events: ran + "exception", Reason: WorkerShutdown, ExitCode: "0", Settled: "dead-letter"},
		},
		"after the command has ended": {
			program: exits(0),
			engine: func(e *fakeEngine) {
				e.hook(onRemove, func(ctx context.Context, _ int) error { return sleep(ctx, 10*time.Second) })
			},
			meanwhile: stop,
			want:      story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"while a task rests before it goes back": {
			engine:    func(e *fakeEngine) { e.script(onCreate, engineAnswer(500)) },
			meanwhile: stop,
			want:      story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"for a reason that nobody foresaw": {
			program:   obeys(time.Second, 0),
			meanwhile: func(r *rig, _ *fakeClaim) { r.drain(); r.shutdown(nil) },
			want:      story{Events: ran + "exception", Reason: InternalError, ExitCode: "0", Retrying: true, Settled: "retry 1"},
		},
		"somebody cancels the task": { // nobody can so far; the reason is there
			program:   obeys(time.Second, 0),
			meanwhile: func(r *rig, _ *fakeClaim) { r.drain(); r.shutdown(ErrCanceled) },
			want:      story{Events: ran + "exception", Reason: Canceled, ExitCode: "0", Settled: "done"},
		},
	})
}

// The task is somebody else's all of a sudden: nothing is published any more, nothing is settled, and the container is
// killed at once.
func TestLifeToTheLossOfTheClaim(t *testing.T) {
	lose := func(r *rig, c *fakeClaim) {
		r.await(relayLinger) // what can be told was told
		c.lose()
	}
	quickly := func(r *rig) {
		begun := time.Now()
		r.t.Cleanup(func() {
			if took := time.Since(begun); took > time.Minute {
				r.t.Errorf("it took %v", took)
			}
		})
	}
	live(t, map[string]scenario{
		"before it begins": {
			message: func(d *Delivery) { d.Claim.(*fakeClaim).lose() },
			asked:   map[call]int{onCreate: 0},
			want:    story{},
		},
		"while the command runs": {
			task: `{"image": "tool", "stopGrace": 600}`, program: stubborn, ready: quickly, meanwhile: lose,
			asked: map[call]int{onStop: 0, onKill: 1, onRemove: 1},
			want:  story{Events: "claimed preparing started log"},
		},
		"while the command runs, and it has last words": {
			program: func(p *process) int {
				<-p.Kill
				_, _ = io.WriteString(p.Stdout, "not for this worker to tell\n")
				return 0
			},
			engine: func(e *fakeEngine) {
				e.hook(onRemove, func(ctx context.Context, _ int) error { return sleep(ctx, 10*time.Second) })
			},
			meanwhile: lose,
			want:      story{Events: "claimed preparing started"},
		},
		"while the command is being stopped": {
			task: `{"image": "tool", "stopGrace": 600}`, program: stubborn, ready: quickly,
			meanwhile: func(r *rig, c *fakeClaim) {
				r.stop()
				r.await(10 * time.Second)
				c.lose()
			},
			asked: map[call]int{onStop: 1, onKill: 1},
			want:  story{Events: "claimed preparing started log"},
		},
		"while the image is pulled": {
			engine: pullsForEver, meanwhile: lose,
			asked: map[call]int{onCreate: 0},
			want:  story{Events: "claimed preparing"},
		},
		"while the container is created": {
			engine: func(e *fakeEngine) {
				e.hook(onCreate, func(ctx context.Context, _ int) error { <-ctx.Done(); return context.Cause(ctx) })
			},
			meanwhile: lose,
			asked:     map[call]int{onRemove: 1, onStart: 0},
			want:      story{Events: "claimed preparing"},
		},
		"while the claim is being held": {
			message: func(d *Delivery) {
				d.Claim.(*fakeClaim).holding = func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
			},
			meanwhile: lose,
			want:      story{},
		},
		"while the container is removed": {
			program: says("all I had to say\n", 0),
			engine: func(e *fakeEngine) {
				e.hook(onRemove, func(ctx context.Context, _ int) error { return sleep(ctx, 10*time.Second) })
			},
			meanwhile: lose,
			want:      story{Events: "claimed preparing started log"},
		},
		"while the engine is away": {
			program: stubborn,
			meanwhile: func(r *rig, c *fakeClaim) {
				r.engine.away()
				r.await(time.Second)
				c.lose()
				r.await(time.Second)
				r.engine.back()
				_ = r.engine.ContainerRemove(r.t.Context(), r.engine.only(r.t).id, removeAll)
			},
			want: story{Events: "claimed preparing started log"},
		},
		"while nobody confirms the outcome": {
			ready: func(r *rig) { r.events.away() },
			meanwhile: func(r *rig, c *fakeClaim) {
				r.await(time.Minute)
				c.lose()
				r.await(time.Second)
				r.events.back()
			},
			want: story{},
		},
		"while the task rests before it goes back": {
			engine:    func(e *fakeEngine) { e.script(onCreate, engineAnswer(500)) },
			meanwhile: lose,
			want:      story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Retrying: true},
		},
	})
}
