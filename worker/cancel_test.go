package worker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Somebody cancels the task.
func TestLifeToTheCancellation(t *testing.T) {
	cancel := func(r *rig, _ *fakeClaim) {
		if !r.worker.Cancel("t1") {
			r.t.Error("the task is not here")
		}
	}
	live(t, map[string]scenario{
		"while the command runs": {
			program: obeys(time.Second, 3), meanwhile: cancel,
			log:   []string{"working\ncleaning up\nclean\n[docker-worker] canceled: canceled\n"},
			asked: map[call]int{onStop: 1},
			want:  story{Events: "claimed preparing started log exception", Reason: Canceled, ExitCode: "3", Settled: "done"},
		},
		"while the image is pulled": {
			engine: pullsForEver, meanwhile: cancel,
			asked: map[call]int{onCreate: 0},
			want:  story{Events: "claimed preparing log exception", Reason: Canceled, Settled: "done"},
		},
		"before it comes": {
			ready: func(r *rig) {
				if r.worker.Cancel("t1") {
					r.t.Error("the task is here")
				}
				r.await(59 * time.Minute)
			},
			asked: map[call]int{onImage: 0},
			want:  story{Events: "log exception", Reason: Canceled, Settled: "done"},
		},
		"more than an hour before it comes": {
			ready: func(r *rig) {
				r.worker.Cancel("t1")
				r.await(time.Hour)
			},
			want: story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"after its command has ended": {
			engine:    func(e *fakeEngine) { e.script(onCreate, engineAnswer(500)) },
			meanwhile: cancel, // it rests before it goes back
			want:      story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"another one": {
			ready: func(r *rig) { r.worker.Cancel("t2") },
			want:  story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
	})
}

// What was canceled is forgotten after an hour.
func TestCancellationsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts tasks
		for range 10 {
			ts.stop(NewID())
		}
		pass(cancelMemory)
		ts.stop("last")
		if len(ts.canceled) != 1 {
			t.Errorf("%d cancellations are remembered", len(ts.canceled))
		}
	})
}

// Whoever wants to know of each task is told of its coming and its going.
func TestOnTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var heard []string
		r.cfg.OnTask = func(id string) func() {
			heard = append(heard, "comes "+id)
			return func() { heard = append(heard, "goes "+id) }
		}
		r.start()
		r.deliver(someTask)
		r.end()
		if diff := cmp.Diff([]string{"comes t1", "goes t1"}, heard); diff != "" {
			t.Error(diff)
		}
	})
}
