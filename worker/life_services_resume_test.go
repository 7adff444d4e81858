package worker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// withService gives the task that an earlier process left a network and a service, which runs its program.
func (e *earlier) withService(name string, act program) *earlier {
	e.rig.t.Helper()
	engine := e.rig.engine
	e.delivery.Body = []byte(`{"image": "tool", "services": {"db": {"image": "tool"}}}`)
	labels := attemptLabels("w1", "t1", 1)
	network := containerName("w1", "t1", 1)
	if _, err := engine.NetworkCreate(e.rig.t.Context(), dockerapi.NetworkConfig{Name: network, Labels: labels}); err != nil {
		e.rig.t.Fatal(err)
	}
	e.container.config.HostConfig.NetworkMode = network
	labels = attemptLabels("w1", "t1", 1)
	labels[LabelService] = name
	cfg := dockerapi.ContainerConfig{Image: imageOfTool, Labels: labels}
	cfg.HostConfig.LogConfig.Type = "local"
	cfg.HostConfig.NetworkMode = network
	c := newFakeContainer(engine, network+"."+name, cfg)
	engine.mu.Lock()
	defer engine.mu.Unlock()
	engine.containers[c.name] = c
	task := engine.program
	engine.program = cast(map[string]program{"": task, name: act})
	c.start()
	return e
}

// A worker that comes back goes on with services that run, and ends the task where one does not.
func TestLifeGoesOnWithServices(t *testing.T) {
	begun := []EventType{TaskClaimed, TaskPreparing, TaskStarted}
	for name, s := range map[string]struct {
		program program
		left    func(*rig) *earlier
		asked   map[call]int
		want    story
	}{
		"everything runs": {
			program: runs(time.Minute, 0),
			left:    func(r *rig) *earlier { return r.leave(begun...).created().withService("db", serves).started() },
			asked:   map[call]int{onCreate: 0, onStart: 0, onNetworkCreate: 2},
			want:    story{Events: "claimed preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"the service has ended meanwhile": {
			program: stubborn,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().withService("db", exits(4)).started()
				synctest.Wait()
				r.engine.mu.Lock()
				defer r.engine.mu.Unlock()
				for _, c := range r.engine.containers {
					c.state.StartedAt = time.Now().AddDate(100, 0, 0) // after this host was started
				}
				return e
			},
			want: story{Events: "claimed preparing started log failed", Reason: Failed, Settled: "done"},
		},
		"the service is gone": {
			program: stubborn,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().withService("db", serves).started()
				_ = r.engine.ContainerRemove(r.t.Context(), e.container.name+".db", removeAll)
				return e
			},
			want: story{Events: "claimed preparing started log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"both have ended meanwhile": {
			program: exits(0),
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().withService("db", exits(0)).started().recently()
				synctest.Wait()
				return e
			},
			want: story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"the task had not begun": {
			program: runs(time.Minute, 0),
			left:    func(r *rig) *earlier { return r.leave(TaskClaimed, TaskPreparing).created().withService("db", serves) },
			asked:   map[call]int{onCreate: 0, onStart: 1},
			want:    story{Events: "claimed preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"all was decided": {
			program: stubborn,
			left: func(r *rig) *earlier {
				return r.leave(begun...).created().withService("db", serves).started().decided(Outcome{Reason: Timeout})
			},
			want: story{Events: "claimed preparing started log failed", Reason: Timeout, Settled: "done"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.engine.program = s.program
				e := s.left(r)
				r.start()
				r.await(2 * time.Minute)
				r.end()
				got, log := r.told("t1", e.claim)
				if diff := cmp.Diff(s.want, got); diff != "" {
					t.Errorf("the story (-want +got):\n%s\nits log:\n%s", diff, log)
				}
				for c, n := range s.asked {
					if got := r.engine.called(c); got != n {
						t.Errorf("%s was called %d times, want %d", c, got, n)
					}
				}
			})
		})
	}
}

// Networks that no task explains go, behind the containers that are in them.
func TestReapNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engine.program = serves
		e := r.leave(TaskClaimed, TaskPreparing, TaskStarted).created().withService("db", serves).started()
		r.queue.resumed = nil
		if err := e.journal.release(); err != nil {
			t.Fatal(err)
		}
		other := dockerapi.NetworkConfig{Name: "other", Labels: attemptLabels("w2", "t1", 1)}
		if _, err := r.engine.NetworkCreate(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		r.start()
		if left := r.engine.networks().all(); len(left) != 1 || left[0].Name != "other" {
			t.Errorf("networks left: %+v", left)
		}
		_ = r.engine.NetworkRemove(t.Context(), "other")
		r.end()
	})
}
