package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// What the image stage makes of an engine and of a registry.
func TestLifeOfTheImage(t *testing.T) {
	const prepared = "claimed preparing log exception"
	completed := story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"}
	missing := func(then ...error) func(*fakeEngine) {
		return func(e *fakeEngine) {
			clear(e.images)
			e.script(onPull, then...)
		}
	}
	live(t, map[string]scenario{
		"missing, then pulled": {
			engine: missing(),
			asked:  map[call]int{onPull: 1, onImage: 2},
			want:   completed,
		},
		"a registry in trouble for a moment": {
			engine: missing(engineAnswer(500)),
			asked:  map[call]int{onPull: 2},
			want:   completed,
		},
		"a registry in trouble": {
			engine: missing(engineAnswer(500), engineAnswer(500), engineAnswer(500), engineAnswer(500)),
			asked:  map[call]int{onPull: 3},
			log:    []string{"resource-unavailable: image: pull image tool:latest, tried 3 times: "},
			want:   story{Events: prepared, Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"does not exist": {
			engine: missing(engineAnswer(404)),
			asked:  map[call]int{onPull: 1},
			log:    []string{"image-unavailable: image: pull image tool:latest: "},
			want:   story{Events: prepared, Reason: ImageUnavailable, Settled: "done"},
		},
		"denied": {
			engine: missing(engineAnswer(403)),
			asked:  map[call]int{onPull: 1},
			want:   story{Events: prepared, Reason: ImageUnavailable, Settled: "done"},
		},
		"a pull that the engine refuses": {
			engine: missing(engineAnswer(400)),
			asked:  map[call]int{onPull: 1},
			want:   story{Events: prepared, Reason: ImageUnavailable, Settled: "done"},
		},
		"not there after its pull": {
			engine: func(e *fakeEngine) {
				missing()(e)
				e.registry["tool:latest"] = dockerapi.Image{}
				e.hook(onImage, notFound)
			},
			log:  []string{"image tool:latest is not there after its pull"},
			want: story{Events: prepared, Reason: ImageUnavailable, Settled: "done"},
		},
		"the engine cannot look": {
			engine: func(e *fakeEngine) { e.script(onImage, engineAnswer(500)) },
			want:   story{Events: prepared, Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"the engine cannot look after the pull": {
			engine: func(e *fakeEngine) { missing()(e); e.script(onImage, nil, engineAnswer(500)) },
			want:   story{Events: prepared, Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"a pull that never ends": {
			engine: func(e *fakeEngine) {
				missing()(e)
				e.pulling = func(ctx context.Context, _ func(dockerapi.PullProgress)) error {
					<-ctx.Done()
					return context.Cause(ctx)
				}
			},
			log:  []string{"resource-unavailable: image: pull image tool:latest: not done after 30m0s"},
			want: story{Events: prepared, Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"a panic in the pull": { // in a goroutine of its own
			engine: func(e *fakeEngine) {
				missing()(e)
				e.hook(onPull, func(context.Context, int) error { panic("a bug in the pull") })
			},
			log:  []string{"internal-error: image: panic: a bug in the pull"},
			want: story{Events: prepared, Reason: InternalError, Retrying: true, Settled: "retry 1"},
		},
	})
}

func notFound(context.Context, int) error { return engineAnswer(404) }

// What the container stage, and the start, make of an engine.
func TestLifeOfTheContainer(t *testing.T) {
	const prepared = "claimed preparing log exception"
	again := story{Events: prepared, Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"}
	completed := story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"}
	fails := func(c call, errs ...error) func(*fakeEngine) {
		return func(e *fakeEngine) { e.script(c, errs...) }
	}
	leftOver := func(e *fakeEngine) { // by a worker that died; it carries the label of another worker, so that it is still there
		name := containerName("w1", "t1", 1)
		e.containers[name] = newFakeContainer(e, name, dockerapi.ContainerConfig{})
	}
	live(t, map[string]scenario{
		"the name is taken": {
			engine: leftOver,
			asked:  map[call]int{onCreate: 2, onRemove: 2},
			want:   completed,
		},
		"the name is taken by what cannot be removed": {
			engine: func(e *fakeEngine) { leftOver(e); e.script(onRemove, engineAnswer(500)) },
			asked:  map[call]int{onCreate: 1, onRemove: 2},
			want:   again,
		},
		"the image has gone": {engine: fails(onCreate, engineAnswer(404)), want: again},
		"the engine is away": {engine: fails(onCreate, engineAnswer(503)), want: again},
		"a create that breaks off": { // and had created all the same
			engine: func(e *fakeEngine) {
				e.hook(onCreate, func(context.Context, int) error { leftOver(e); return engineAnswer(503) })
			},
			asked: map[call]int{onRemove: 1},
			want:  again,
		},
		"cannot be attached to": {
			engine: fails(onAttach, engineAnswer(409)),
			asked:  map[call]int{onWait: 0, onStart: 0, onRemove: 1},
			log:    []string{"prepare the start: attach: "},
			want:   again,
		},
		"cannot be waited for": {
			engine: fails(onWait, engineAnswer(500)),
			asked:  map[call]int{onStart: 0, onRemove: 1},
			log:    []string{"prepare the start: wait: "},
			want:   again,
		},
		"a command that does not exist": {
			engine: fails(onStart, startRefused(t, 127)),
			log:    []string{"start-failed: start the command: "},
			want:   story{Events: "claimed preparing log failed", Reason: StartFailed, ExitCode: "127", Settled: "done"},
		},
		"a command that cannot be executed": {
			engine: fails(onStart, startRefused(t, 126)),
			want:   story{Events: "claimed preparing log failed", Reason: StartFailed, ExitCode: "126", Settled: "done"},
		},
		"a start that is refused": {
			engine: fails(onStart, startRefused(t, 128)),
			log:    []string{"start-failed: start the container: "},
			want:   story{Events: "claimed preparing log failed", Reason: StartFailed, ExitCode: "126", Settled: "done"},
		},
		"a start that fails": {
			engine: fails(onStart, engineAnswer(500)),
			asked:  map[call]int{onRemove: 1},
			want:   again,
		},
		"a panic before the start": {
			engine: func(e *fakeEngine) { e.hook(onCreate, func(context.Context, int) error { panic("a bug in Setup") }) },
			log:    []string{"internal-error: container: panic: a bug in Setup"},
			want:   story{Events: prepared, Reason: InternalError, Retrying: true, Settled: "retry 1"},
		},
		"a panic in the start": {
			engine: func(e *fakeEngine) { e.hook(onStart, func(context.Context, int) error { panic("a bug in exec") }) },
			asked:  map[call]int{onRemove: 1},
			log:    []string{"internal-error: panic: a bug in exec"},
			want:   story{Events: prepared, Reason: InternalError, Retrying: true, Settled: "retry 1"},
		},
		"a panic in Teardown": {
			engine: func(e *fakeEngine) {
				e.hook(onRemove, func(ctx context.Context, nth int) error {
					if nth == 1 {
						_ = e.ContainerRemove(ctx, containerName("w1", "t1", 1), removeAll)
						panic("a bug in Teardown")
					}
					return nil
				})
			},
			want: completed,
		},
		"the claim cannot be held": {
			message: func(d *Delivery) {
				d.Claim.(*fakeClaim).holding = func(context.Context) error { return errors.New("no broker") }
			},
			log:  []string{"resource-unavailable: payload: claim the task: no broker"},
			want: story{Events: "log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
	})
}

// A task that failed on our side rests before it goes back, longer with each attempt.
func TestRetryPause(t *testing.T) {
	for attempts, pause := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 3: 8 * time.Second, 30: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.engine.script(onCreate, engineAnswer(500))
			r.start()
			begun := time.Now()
			claim := r.deliver(`{"image": "tool", "command": ["run"], "maxAttempts": 100}`, func(d *Delivery) { d.Attempts = attempts })
			<-claim.settled
			if rest := time.Since(begun); rest != pause {
				t.Errorf("after %d attempts the task rests for %v, want %v", attempts+1, rest, pause)
			}
			r.end()
		})
	}
}
