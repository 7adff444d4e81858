package worker

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Nobody confirms what is published, for a while or for good.
func TestLifeWithoutABroker(t *testing.T) {
	completed := story{Events: "claimed preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"}
	live(t, map[string]scenario{
		"away all the time, back an hour after the end": {
			program: says("heard later\n", 0),
			ready:   func(r *rig) { r.events.away() },
			meanwhile: func(r *rig, c *fakeClaim) {
				r.await(time.Hour)
				if how := c.how(); how != "" {
					r.t.Errorf("settled by %s before the outcome was confirmed", how)
				}
				r.events.back()
			},
			log:  []string{"heard later\n"},
			want: completed,
		},
		"away when the outcome comes": {
			program: func(p *process) int {
				_, _ = io.WriteString(p.Stdout, "heard at once\n")
				p.sleep(time.Minute)
				return 0
			},
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(time.Second)
				r.events.away()
				r.await(2 * time.Minute)
				r.events.back()
			},
			want: completed,
		},
		"away, and the worker must go": { // the broker gives the task to somebody, when the connection ends
			program: exits(0),
			ready:   func(r *rig) { r.events.away() },
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(time.Minute)
				r.stop()
			},
			want: story{},
		},
		"the settlement fails": { // no more can be done
			message:   func(d *Delivery) { d.Claim.(*fakeClaim).refuses = io.ErrClosedPipe },
			meanwhile: func(r *rig, _ *fakeClaim) { r.saw("cannot settle a task that is resolved") },
			want:      story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
	})
}

// The disk takes no journal.
func TestLifeOnAFullDisk(t *testing.T) {
	journalPath := func(r *rig) string { return filepath.Join(r.cfg.StateDir, "w1", "tasks", "t1.1") }
	live(t, map[string]scenario{
		"no file at all": {
			ready: func(r *rig) {
				if err := os.Mkdir(journalPath(r), 0o700); err != nil { // nobody can write to it
					r.t.Fatal(err)
				}
			},
			meanwhile: func(r *rig, _ *fakeClaim) { _ = os.Remove(journalPath(r)) },
			asked:     map[call]int{onImage: 0},
			log:       []string{"[docker-worker] resource-unavailable: task log: open the journal of the task: "},
			want:      story{Events: "log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"a file, and no room in it": {
			ready: func(r *rig) {
				if err := os.Symlink("/dev/full", journalPath(r)); err != nil {
					r.t.Fatal(err)
				}
			},
			program: says(strings.Repeat("0123456789abcde\n", 5000)+"the end\n", 0),
			log: []string{
				"[docker-worker] 14472 bytes of the log are missing here: the worker's disk refused them: ", // 80,008 less the tail
				"0123456789abcde\nthe end\n",
			},
			want: story{Events: "claimed preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
	})
}

// Each stream's order is kept; that between the two is the engine's.
func TestStreamsAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engine.program = func(p *process) int {
			for _, line := range []string{"1\n", "2\n", "3\n"} {
				_, _ = io.WriteString(p.Stdout, "out "+line)
				_, _ = io.WriteString(p.Stderr, "err "+line)
			}
			return 0
		}
		r.start()
		claim := r.deliver(someTask)
		r.end()
		texts := map[any]string{}
		for _, m := range r.events.all("task.log.") {
			texts[m.Headers["stream"]] += string(m.Body)
		}
		want := map[any]string{"stdout": "out 1\nout 2\nout 3\n", "stderr": "err 1\nerr 2\nerr 3\n"}
		if diff := cmp.Diff(want, texts); diff != "" {
			t.Error(diff)
		}
		out := r.outcome()
		if diff := cmp.Diff([]int64{18, 18, 36, 0}, []int64{out.Log.StdoutBytes, out.Log.StderrBytes, out.Log.Bytes, out.Log.DroppedBytes}); diff != "" {
			t.Error(diff)
		}
		r.told("t1", claim)
	})
}

// More output than is kept: beginning and end are told, and what is missing between.
func TestLogIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.MaxLogSize = 2 * tailSize
		r.engine.program = says("first\n"+strings.Repeat("x", 1<<20)+"\nlast\n", 0)
		r.start()
		claim := r.deliver(someTask)
		r.end()
		_, log := r.told("t1", claim)
		if !strings.HasPrefix(log, "first\nxxx") || !strings.HasSuffix(log, "xxx\nlast\n") {
			t.Errorf("the log begins with %.10q and ends with %q", log, log[len(log)-10:])
		}
		out := r.outcome()
		const written = 6 + 1<<20 + 6
		if out.Log.StdoutBytes != written || out.Log.DroppedBytes != written-2*tailSize {
			t.Errorf("the log in the outcome: %+v", out.Log)
		}
		if !strings.Contains(log, "[docker-worker] 917516 bytes of the log are missing here: the log is limited to 131072 bytes\n") {
			t.Error("the cut is not visible")
		}
	})
}
