package worker

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// litter leaves a container and a journal of an attempt at a task, as old as they say.
func (r *rig) litter(worker, task, attempt string, age time.Duration) {
	r.t.Helper()
	c := newFakeContainer(r.engine, "c-"+worker+"-"+task, dockerapi.ContainerConfig{
		Labels: map[string]string{LabelWorker: worker, LabelTask: task, LabelAttempt: attempt}})
	c.created = time.Now().Add(-age)
	r.engine.mu.Lock()
	r.engine.containers[c.name] = c
	r.engine.mu.Unlock()
	dir := filepath.Join(r.cfg.StateDir, worker, "tasks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	for _, suffix := range []string{"", checkpointSuffix} {
		name := filepath.Join(dir, task+"."+attempt+suffix)
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Chtimes(name, c.created, c.created)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// left names what is there: containers, and files of worker w1.
func (r *rig) left() []string {
	var names []string
	r.engine.mu.Lock()
	for name := range r.engine.containers {
		names = append(names, name)
	}
	r.engine.mu.Unlock()
	files, _ := os.ReadDir(filepath.Join(r.cfg.StateDir, "w1", "tasks"))
	for _, f := range files {
		names = append(names, f.Name())
	}
	slices.Sort(names)
	return names
}

// At the start everything goes that no claim explains, however young; what is another worker's stays.
func TestReapAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.litter("w1", "old", "1", time.Hour)
		r.litter("w1", "young", "1", 0)
		r.litter("w1", "t1", "2", time.Hour) // another attempt than the one that is resumed
		r.litter("w2", "old", "1", time.Hour)
		r.engine.program = stubborn
		e := r.leave(TaskClaimed, TaskPreparing, TaskStarted).created().started()
		r.start()
		want := []string{"c-w2-old", e.container.name, "t1.1", "t1.1.relay"}
		if diff := cmp.Diff(want, r.left()); diff != "" {
			t.Errorf("what is left (-want +got):\n%s", diff)
		}
		_ = r.engine.ContainerRemove(t.Context(), "c-w2-old", removeAll)
		r.end()
	})
}

// While it runs a worker looks for leftovers now and then, and leaves alone what is young or under way.
func TestReapNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engine.program = runs(2*time.Hour, 0)
		r.start()
		r.deliver(`{"image": "tool", "maxRunTime": 10000}`)
		r.litter("w1", "old", "1", time.Minute)
		under := []string{containerName("w1", "t1", 1), "t1.1", "t1.1.relay"}
		r.await(reapInterval - time.Minute)
		r.litter("w1", "young", "1", 0)
		r.engine.script(onRemove, engineAnswer(500))
		r.await(time.Minute + time.Second)
		r.saw("cannot remove all that was left behind")
		want := append([]string{"c-w1-old", "c-w1-young", "young.1", "young.1.relay"}, under...)
		slices.Sort(want)
		if diff := cmp.Diff(want, r.left()); diff != "" {
			t.Errorf("after a removal that failed (-want +got):\n%s", diff)
		}
		r.await(reapInterval)
		if diff := cmp.Diff(under, r.left()); diff != "" {
			t.Errorf("after the next one (-want +got):\n%s", diff)
		}
		r.end()
	})
}

// The work of a moment: what would be removed is told, and removed when it is no rehearsal.
func TestReapByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		w, err := New(r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := w.Reap(t.Context(), false); err != nil || len(found) != 0 {
			t.Errorf("where nothing was ever: %v, %v", found, err)
		}
		r.litter("w1", "old", "3", time.Hour)
		for _, rehearsal := range []bool{true, false} {
			found, err := w.Reap(t.Context(), rehearsal)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, l := range found {
				told = append(told, l.Kind+" of "+l.TaskID+"."+l.Attempt)
			}
			if diff := cmp.Diff([]string{"container of old.3", "journal of old.3", "journal of old.3"}, told); diff != "" {
				t.Errorf("rehearsal %v (-want +got):\n%s", rehearsal, diff)
			}
			if n := len(r.left()); (n == 3) != rehearsal {
				t.Errorf("rehearsal %v: %d things are left", rehearsal, n)
			}
		}
		r.queue.noResume = errors.New("no broker")
		if _, err := w.Reap(t.Context(), false); !errors.Is(err, r.queue.noResume) {
			t.Errorf("without a broker: %v", err)
		}
		unlock, err := lockDir(w.dir())
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		if _, err := w.Reap(t.Context(), true); !errors.Is(err, ErrInUse) {
			t.Errorf("beside a worker: %v", err)
		}
	})
}

// A journal that is gone already is no trouble; one that cannot be removed is told, and the rest goes all the same.
func TestReapRemovesWhatItCan(t *testing.T) {
	r := &rig{t: t, engine: newFakeEngine()}
	logger := slog.New(slog.DiscardHandler)
	w := &Worker{cfg: Config{Engine: r.engine}, logger: logger, caches: newCaches(r.engine, logger, "w1", "")}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	last := filepath.Join(t.TempDir(), "last")
	if err := os.WriteFile(last, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := w.remove(t.Context(), []Leftover{{Kind: "journal", Name: filepath.Join(full, "gone")}, {Kind: "journal", Name: full}, {Kind: "journal", Name: last}})
	if err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(last); !os.IsNotExist(err) {
		t.Errorf("the last one: %v", err)
	}
}
