package worker

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const cachingTask = `{"image": "tool", "cache": {"npm": "/root/.npm"}, "onExitStatus": {"purgeCaches": [7]}}`

// A cache outlives a task that ended by itself, unless its exit code says otherwise, and no task that was cut off.
func TestLifeWithCaches(t *testing.T) {
	for name, s := range map[string]struct {
		program   program
		task      string
		config    func(*Config)
		engine    func(*fakeEngine)
		meanwhile func(*rig, *fakeClaim)
		purged    bool
		kept      int // volumes after the task
	}{
		"exit code 0":          {program: runs(0, 0), kept: 1},
		"another exit code":    {program: runs(0, 3), kept: 1},
		"one that purges":      {program: runs(0, 7), purged: true},
		"the command is wrong": {engine: func(e *fakeEngine) { e.script(onStart, engineAnswer(400)) }, kept: 1},
		"canceled while it runs": {program: stubborn, purged: true, meanwhile: func(r *rig, _ *fakeClaim) {
			r.worker.Cancel("t1")
		}},
		"out of time": {program: stubborn, purged: true, task: `{"image": "tool", "cache": {"npm": "/root/.npm"}, "maxRunTime": 5}`},
		"the worker must go": {program: stubborn, purged: true, meanwhile: func(r *rig, _ *fakeClaim) {
			r.stop()
		}},
		"the container cannot be made": {engine: func(e *fakeEngine) { e.script(onCreate, engineAnswer(500)) }, kept: 1},
		"the container cannot be removed": {program: runs(0, 0), purged: true, kept: 1, engine: func(e *fakeEngine) {
			e.script(onRemove, engineAnswer(500))
		}},
		"nothing outlives a task that is run once": {program: runs(0, 0), purged: true, config: func(c *Config) { c.Once = true }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				if s.config != nil {
					s.config(&r.cfg)
				}
				if s.engine != nil {
					s.engine(r.engine)
				}
				if s.program != nil {
					r.engine.program = s.program
				}
				if s.task == "" {
					s.task = cachingTask
				}
				r.start()
				claim := r.deliver(s.task)
				if s.meanwhile != nil {
					s.meanwhile(r, claim)
				}
				r.await(time.Minute / 2)
				uses := r.outcome().Caches
				if len(uses) != 1 || uses[0].Name != "npm" || uses[0].Reused || uses[0].Purged != s.purged {
					t.Errorf("caches of the outcome: %+v, want npm, purged %v", uses, s.purged)
				}
				if kept := r.engine.volumes().names(); len(kept) != s.kept {
					t.Errorf("volumes %v, want %d", kept, s.kept)
				}
				r.await(2 * reapInterval) // what the engine refused once is gone then
				if kept := r.engine.volumes().names(); s.purged && len(kept) != 0 {
					t.Errorf("volumes %v in the end, though purged", kept)
				}
				r.end()
			})
		})
	}
}

// The task finds the volume where it wants it, with the labels by which it is found again.
func TestCacheMounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var mounts []dockerapi.Mount
		r.engine.program = func(p *process) int { mounts = p.Config.HostConfig.Mounts; return 0 }
		r.start()
		r.deliver(cachingTask)
		volume := r.engine.volumes().only(t)
		want := []dockerapi.Mount{{Type: "volume", Source: volume, Target: "/root/.npm",
			VolumeOptions: &dockerapi.VolumeOptions{Labels: map[string]string{LabelWorker: "w1", LabelCache: "npm", labelCacheMaker: "t1/1"}}}}
		if diff := cmp.Diff(want, mounts); diff != "" {
			t.Errorf("mounts (-want +got):\n%s", diff)
		}
		r.deliver(cachingTask, func(d *Delivery) { d.MessageID = "t2" })
		if diff := cmp.Diff([]CacheUse{{Name: "npm", Instance: volume, Reused: true}}, r.outcome().Caches); diff != "" {
			t.Errorf("caches of the second task (-want +got):\n%s", diff)
		}
		r.end()
	})
}

// withCache gives a container that an earlier process left a cache.
func (e *earlier) withCache(volume string) *earlier {
	e.rig.t.Helper()
	engine := e.rig.engine
	labels := map[string]string{LabelWorker: "w1", LabelCache: "npm", labelCacheMaker: "t0/1"}
	if _, err := engine.VolumeCreate(e.rig.t.Context(), dockerapi.VolumeConfig{Name: volume, Labels: labels}); err != nil {
		e.rig.t.Fatal(err)
	}
	e.container.config.Labels[LabelCaches] = "npm=" + volume
	e.container.config.HostConfig.Mounts = []dockerapi.Mount{{Type: "volume", Source: volume, Target: "/root/.npm"}}
	return e
}

// A worker that comes back gives no other task what its running one has.
func TestCacheIsHeldAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Capacity = 2
		r.engine.program = stubborn
		e := r.leave(TaskClaimed, TaskPreparing, TaskStarted)
		e.delivery.Body = []byte(cachingTask)
		e.created().withCache("v").started()
		r.start()
		r.engine.program = runs(0, 0)
		r.deliver(cachingTask, func(d *Delivery) { d.MessageID = "t2" })
		other := r.outcome().Caches
		if len(other) != 1 || other[0].Instance == "v" {
			t.Errorf("another task has %+v while the first runs", other)
		}
		e.container.kill() // by itself, as far as the worker knows
		r.await(time.Second)
		if diff := cmp.Diff([]CacheUse{{Name: "npm", Instance: "v", Reused: true}}, r.outcome().Caches); diff != "" {
			t.Errorf("caches of the first task (-want +got):\n%s", diff)
		}
		r.end()
	})
}

// A worker that comes back to a container that no claim explains throws its caches away with it.
func TestCachesOfLeftoversArePurged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engine.program = stubborn
		e := r.leave(TaskClaimed, TaskPreparing, TaskStarted).created().withCache("v").started()
		r.queue.resumed = nil
		if err := e.journal.release(); err != nil {
			t.Fatal(err)
		}
		r.start()
		if left := r.engine.volumes().names(); len(left) != 0 {
			t.Errorf("volumes %v", left)
		}
		r.end()
	})
}

// An attempt whose end an earlier process saw, but not its own, says what became of its caches.
func TestCachesOfATaskThatWasDecided(t *testing.T) {
	code := 0
	for out, purged := range map[*Outcome]bool{
		{Reason: Completed, ExitCode: &code}: false,
		{Reason: Timeout}:                    true,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			e := r.leave(TaskClaimed, TaskPreparing, TaskStarted)
			e.delivery.Body = []byte(cachingTask)
			e.created().withCache("v").decided(*out)
			r.start()
			r.await(2 * reapInterval)
			if diff := cmp.Diff([]CacheUse{{Name: "npm", Instance: "v", Reused: true, Purged: purged}}, r.outcome().Caches); diff != "" {
				t.Errorf("%s (-want +got):\n%s", out.Reason, diff)
			}
			if left := r.engine.volumes().names(); (len(left) == 0) != purged {
				t.Errorf("%s: volumes %v", out.Reason, left)
			}
			r.end()
		})
	}
}

// Beside a worker, caches are listed and purged by what the engine says; what a container has is left alone.
func TestCachesFromBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.deliver(cachingTask)
		free := r.engine.volumes().only(t)
		r.engine.volumes().sizes[free] = 7
		r.engine.program = stubborn
		r.deliver(`{"image": "tool", "cache": {"pip": "/p"}}`, func(d *Delivery) { d.MessageID = "t2" })
		found, err := ListCaches(t.Context(), r.engine, "w1", r.cfg.StateDir)
		if err != nil || len(found) != 2 {
			t.Fatalf("found %+v, %v", found, err)
		}
		held := found[1].Volume
		want := []Cache{{Name: "npm", Volume: free, Size: 7, Used: found[0].Used}, {Name: "pip", Volume: held, Holder: "t2/1"}}
		if diff := cmp.Diff(want, found); diff != "" || found[0].Used.IsZero() {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if removed, busy, err := PurgeCaches(t.Context(), r.engine, "w1", r.cfg.StateDir, "gone"); err != nil || len(removed)+len(busy) > 0 {
			t.Errorf("purge of another name: %v, %v, %v", removed, busy, err)
		}
		removed, busy, err := PurgeCaches(t.Context(), r.engine, "w1", r.cfg.StateDir)
		if err != nil || len(removed) != 1 || removed[0].Volume != free || len(busy) != 1 || busy[0].Volume != held {
			t.Errorf("purge: %v, %v, %v", removed, busy, err)
		}
		r.worker.Cancel("t2")
		r.await(time.Minute)
		r.end()
	})
}

// A file of states that is broken is told, and the worker starts all the same.
func TestCacheStatesThatAreBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		dir := filepath.Join(r.cfg.StateDir, "w1")
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, cacheFile), []byte("{"), 0o600)); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.saw("the order is lost")
		r.deliver(cachingTask)
		r.engine.volumes().only(t)
		r.end()
	})
}
