package worker

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

func TestNewChecksItsConfig(t *testing.T) {
	good := Config{ID: "w1", Engine: newFakeEngine(), Source: newFakeQueue(t), Events: &fakePublisher{}, StateDir: "/nowhere"}
	for name, change := range map[string]func(*Config){
		"no id":        func(c *Config) { c.ID = "" },
		"a bad id":     func(c *Config) { c.ID = "a/b" },
		"no engine":    func(c *Config) { c.Engine = nil },
		"no source":    func(c *Config) { c.Source = nil },
		"no publisher": func(c *Config) { c.Events = nil },
		"no directory": func(c *Config) { c.StateDir = "" },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	w, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{w.cfg.Capacity, w.cfg.Policy.MaxAttempts, w.cfg.MaxLogSize, w.cfg.PrepareTimeout, w.cfg.Heartbeat}
	want := []any{1, DefaultAttemptsLimit, int64(DefaultMaxLogSize), DefaultPrepareTimeout, DefaultHeartbeat}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults: %s", diff)
	}
}

func TestRunRefusesToStart(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*rig)
		is      func(error) bool
	}{
		"the engine says nothing of itself": {
			prepare: func(r *rig) { r.engine.script(onInfo, engineAnswer(503)) },
			is:      dockerapi.IsUnavailable,
		},
		"leftovers cannot be looked for": {
			prepare: func(r *rig) { r.engine.script(onList, engineAnswer(500)) },
			is:      dockerapi.IsTemporary,
		},
		"leftovers cannot be removed": {
			prepare: func(r *rig) {
				r.engine.containers["old"] = newFakeContainer(r.engine, "old", dockerapi.ContainerConfig{Labels: map[string]string{LabelWorker: "w1"}})
				r.engine.script(onRemove, engineAnswer(500))
			},
			is: dockerapi.IsTemporary,
		},
		"the state directory is a file": {
			prepare: func(r *rig) {
				r.cfg.StateDir = filepath.Join(r.cfg.StateDir, "file")
				if err := os.WriteFile(r.cfg.StateDir, nil, 0o600); err != nil {
					r.t.Fatal(err)
				}
			},
			is: func(err error) bool { return err != nil },
		},
		"another worker has the id": {
			prepare: func(r *rig) {
				unlock, err := lockDir(filepath.Join(r.cfg.StateDir, r.cfg.ID))
				if err != nil {
					r.t.Fatal(err)
				}
				r.t.Cleanup(unlock)
			},
			is: func(err error) bool { return errors.Is(err, ErrInUse) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				test.prepare(r)
				r.start()
				if err := <-r.ended; !test.is(err) {
					t.Errorf("the worker ended with: %v", err)
				}
				if told := r.events.all(""); len(told) != 0 {
					t.Errorf("%d events of a worker that did not start", len(told))
				}
			})
		})
	}
}

// The lock of a state directory ends with its holder, and a second worker can then have it.
func TestLockIsGivenBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		unlock, err := lockDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lockDir(dir); !errors.Is(err, ErrInUse) {
			t.Errorf("a second lock: %v", err)
		}
		unlock()
	}
}

// Not more tasks at a time than there is room for.
func TestCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Capacity = 3
		r.engine.program = runs(time.Minute, 0)
		r.start()
		ids := []string{"a", "b", "c", "d", "e"}
		delivered := make(chan *fakeClaim, len(ids))
		go func() {
			for _, id := range ids {
				delivered <- r.queue.deliver(Delivery{Body: []byte(someTask), MessageID: id})
			}
		}()
		r.await(30 * time.Second)
		if len(delivered) != 3 {
			t.Errorf("%d tasks are under way, want 3", len(delivered))
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, r.worker.tasks.ids()); diff != "" {
			t.Error(diff)
		}
		for range ids {
			<-(<-delivered).settled
		}
		r.end()
	})
}

// A second delivery of a task that is under way waits until the first is gone: there is never a second container.
func TestDuplicateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Capacity = 2
		r.engine.program = runs(time.Minute, 0)
		r.start()
		begun := time.Now()
		first := r.deliver(someTask)
		second := r.deliver(someTask, func(d *Delivery) { d.Attempts = 1 })
		r.await(30 * time.Second)
		if second.held != 0 {
			t.Error("the second is held beside the first")
		}
		r.engine.only(t)
		<-first.settled
		<-second.settled
		if took := time.Since(begun); took != 2*time.Minute {
			t.Errorf("both took %v, one after the other are two minutes", took)
		}
		r.end()
	})
}

// A duplicate that waits when the worker must go was never begun.
func TestDuplicateIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Capacity = 3
		r.engine.program = obeys(time.Second, 0)
		r.start()
		first, second, third := r.deliver(someTask), r.deliver(someTask), r.deliver(someTask)
		third.lose()
		r.await(time.Second)
		r.stop()
		r.end()
		if diff := cmp.Diff([]string{"retry 1", "give back", ""}, []string{first.how(), second.how(), third.how()}); diff != "" {
			t.Error(diff)
		}
	})
}

// A task that arrives when the intake has just ended goes back untouched.
func TestLateDeliveryIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		source := &lateSource{queue: r.queue}
		r.cfg.Source = source
		r.start()
		r.drain()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		r.shutdown(nil)
		if how := source.claim.how(); how != "give back" {
			t.Errorf("settled by %q", how)
		}
	})
}

// lateSource delivers a task when it is told that no more are wanted.
type lateSource struct {
	queue *fakeQueue
	claim *fakeClaim
}

func (s *lateSource) Receive(ctx context.Context) (*Delivery, error) {
	<-ctx.Done()
	s.claim = s.queue.claim()
	s.claim.refuses = errors.New("no broker") // is told to the operator, no more
	return &Delivery{Claim: s.claim, Body: []byte(someTask), MessageID: "late"}, nil
}

// A queue that cannot be received from is tried again, not in a hurry.
func TestReceiveIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		begun := time.Now()
		for range 3 {
			r.queue.trouble <- errors.New("no queue")
		}
		claim := r.deliver(someTask)
		<-claim.settled
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("three errors took %v", took)
		}
		r.queue.trouble <- errors.New("no queue")
		r.end()
	})
}

// A bug that no task can be blamed for costs a task its turn, and the worker nothing.
func TestPanicOutsideTheLifeOfATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		bad := &buggyClaim{fakeClaim: r.queue.claim()}
		r.queue.deliveries <- &Delivery{Claim: bad, Body: []byte(someTask), MessageID: "t1"}
		synctest.Wait()
		if how := bad.how(); how != "give back" {
			t.Errorf("settled by %q", how)
		}
		good := r.deliver(someTask, func(d *Delivery) { d.MessageID = "t2" })
		<-good.settled
		r.end()
		r.saw("a bug in docker-worker: a task is given back")
	})
}

type buggyClaim struct{ *fakeClaim }

func (buggyClaim) Done(context.Context) error { panic("a bug in the claim") }

// What the worker says of itself.
func TestHeart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Heartbeat = 10 * time.Second
		r.engine.info = dockerapi.Info{NCPU: 4, MemTotal: 1 << 30, ServerVersion: "20.10.24"}
		r.engine.program = runs(15*time.Second, 0)
		r.start()
		claim := r.deliver(someTask)
		r.await(5 * time.Second)
		<-claim.settled
		r.await(6 * time.Second)
		r.end()
		type beat struct {
			Event    EventType
			Running  []string
			Resolved map[Reason]int64
		}
		var beats []beat
		for i, m := range r.events.all("worker.") {
			var e workerEnvelope
			if err := json.Unmarshal(m.Body, &e); err != nil {
				t.Fatal(err)
			}
			beats = append(beats, beat{e.Event, e.Running, e.Resolved})
			if e.Sequence != int64(i+1) || m.RoutingKey != string(e.Event)+".w1" || e.Host.CPUs != 4 || e.Host.MemoryBytes != 1<<30 {
				t.Errorf("event %d of the worker: %s: %s", i, m.RoutingKey, m.Body)
			}
		}
		none, one := map[Reason]int64{}, map[Reason]int64{Completed: 1}
		want := []beat{
			{WorkerStarted, []string{}, none},
			{WorkerHeartbeat, []string{"t1"}, none},
			{WorkerHeartbeat, []string{}, one},
			{WorkerDraining, []string{}, one},
			{WorkerStopped, []string{}, one},
		}
		if diff := cmp.Diff(want, beats); diff != "" {
			t.Error(diff)
		}
	})
}

// A broker that is away stops neither the worker's beats nor, for longer than a goodbye, its end.
func TestHeartWithoutABroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.events.away()
		r.start()
		r.await(time.Minute + time.Second) // in the middle of the second beat
		begun := time.Now()
		r.end()
		if took := time.Since(begun); took > goodbye {
			t.Errorf("the end took %v", took)
		}
		r.saw("event=worker.started error=\"not confirmed within 10s\"")
		r.saw("event=worker.draining error=\"not confirmed 3s after the end\"")
		r.saw("event=worker.stopped error=\"not confirmed 3s after the end\"")
	})
}
