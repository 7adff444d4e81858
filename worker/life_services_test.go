package worker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

const servedTask = `{"image": "tool", "stopGrace": 1, "services": {"db": {"image": "tool", "ready": {"timeout": 20}}, "web": {"image": "tool"}}}`

// cast is a program for each container: of the services by their names, and of the task as "".
func cast(programs map[string]program) program {
	return func(p *process) int {
		if act := programs[p.Config.Labels[LabelService]]; act != nil {
			return act(p)
		}
		return serves(p)
	}
}

// serves is the program of a service that does until it is stopped. It speaks when the task has begun.
func serves(p *process) int {
	p.sleep(time.Second)
	_, _ = p.Stdout.Write([]byte("serving\n"))
	select {
	case <-p.Stop:
		_, _ = p.Stderr.Write([]byte("bye\n"))
	case <-p.Kill:
	}
	return 0
}

// health is what the container's own check says from now on.
func (p *process) health(status string) {
	p.container.engine.mu.Lock()
	defer p.container.engine.mu.Unlock()
	p.container.state.Health = &dockerapi.Health{Status: status}
}

func TestLifeWithServices(t *testing.T) {
	unready := story{Events: "claimed preparing log failed", Reason: Failed, Settled: "done"}
	slow := func(e *fakeEngine) { e.startDelay = time.Second } // a check has its say before the engine says that it started
	trouble := story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"}
	live(t, map[string]scenario{
		"all goes well": {
			task:    servedTask,
			program: cast(map[string]program{"": says("the task\n", 0)}),
			log:     []string{"serving\n", "the task\n", "bye\n"},
			noLog:   []string{"[docker-worker]"},
			asked:   map[call]int{onNetworkCreate: 1, onCreate: 3, onRemove: 3, onNetworkRemove: 1},
			want:    story{Events: "claimed preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"the task fails by itself": {
			task:    servedTask,
			program: cast(map[string]program{"": says("the task\n", 3)}),
			noLog:   []string{"[docker-worker]"},
			want:    story{Events: "claimed preparing started log failed", Reason: Failed, ExitCode: "3", Settled: "done"},
		},
		"a service ends while the task runs": {
			task: servedTask,
			program: cast(map[string]program{"": stubborn, "db": func(p *process) int {
				p.sleep(time.Minute)
				_, _ = p.Stderr.Write([]byte("disk full\n"))
				return 1
			}}),
			meanwhile: func(r *rig, _ *fakeClaim) { r.await(2 * time.Minute) },
			log:       []string{"[docker-worker] service db: disk full\n", "failed: service db ended with exit code 1\n"},
			noLog:     []string{"service web: "},
			want:      story{Events: "claimed preparing started log failed", Reason: Failed, Settled: "done"},
		},
		"a service ends in good order, and too early": {
			task:      servedTask,
			program:   cast(map[string]program{"": stubborn, "web": runs(time.Minute, 0)}),
			meanwhile: func(r *rig, _ *fakeClaim) { r.await(2 * time.Minute) },
			log:       []string{"failed: service web ended with exit code 0\n"},
			want:      story{Events: "claimed preparing started log failed", Reason: Failed, Settled: "done"},
		},
		"a service runs out of memory": {
			task: servedTask,
			program: cast(map[string]program{"": stubborn, "db": func(p *process) int {
				p.sleep(time.Minute)
				p.outOfMemory()
				return 137
			}}),
			meanwhile: func(r *rig, _ *fakeClaim) { r.await(2 * time.Minute) },
			log:       []string{"failed: service db was killed because its container was out of memory\n"},
			want:      story{Events: "claimed preparing started log failed", Reason: Failed, Settled: "done"},
		},
		"a service ends before it is healthy": {
			task:   servedTask,
			engine: slow,
			program: cast(map[string]program{"db": func(p *process) int {
				p.health("starting")
				_, _ = p.Stdout.Write([]byte("no such option\n"))
				p.sleep(5 * time.Second)
				return 2
			}}),
			meanwhile: func(r *rig, _ *fakeClaim) { r.await(time.Minute) },
			log:       []string{"service db: no such option\n", "failed: service db ended with exit code 2\n"},
			asked:     map[call]int{onCreate: 2},
			want:      unready,
		},
		"a service is never healthy": {
			task:   servedTask,
			engine: slow,
			program: cast(map[string]program{"db": func(p *process) int {
				p.health("unhealthy")
				return serves(p)
			}}),
			meanwhile: func(r *rig, _ *fakeClaim) { r.await(30 * time.Second) },
			log:       []string{"service db: serving\n", "failed: services: service db was not ready after 20s: its HEALTHCHECK says unhealthy\n"},
			asked:     map[call]int{onCreate: 2},
			want:      unready,
		},
		"a service is healthy after a while": {
			task:   servedTask,
			engine: slow,
			program: cast(map[string]program{"": exits(0), "db": func(p *process) int {
				p.health("starting")
				p.sleep(5 * time.Second)
				p.health("healthy")
				return serves(p)
			}}),
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(4 * time.Second)
				if n := r.engine.called(onCreate); n != 2 {
					r.t.Errorf("%d containers before the service is healthy, want the two services", n)
				}
				r.await(3 * time.Second)
			},
			want: story{Events: "claimed preparing log started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"the image of a service is nowhere": {
			task: `{"image": "tool", "services": {"db": {"image": "nowhere"}}}`,
			log:  []string{"image-unavailable: services: service db: pull image nowhere:latest"},
			want: story{Events: "claimed preparing log exception", Reason: ImageUnavailable, Settled: "done"},
		},
		"a service without a command": {
			task:   servedTask,
			engine: func(e *fakeEngine) { e.images["mute:latest"] = dockerapi.Image{ID: "sha256:1"} },
			message: func(d *Delivery) {
				d.Body = []byte(`{"image": "tool", "services": {"db": {"image": "mute"}}}`)
			},
			log:  []string{"malformed-payload: /services/db/command: is required"},
			want: story{Events: "claimed preparing log exception", Reason: MalformedPayload, Settled: "dead-letter"},
		},
		"the engine has no addresses left": {
			task:   servedTask,
			engine: func(e *fakeEngine) { e.script(onNetworkCreate, engineAnswer(500)) },
			log:    []string{"resource-unavailable: network: make a network for the services", "--service-subnets"},
			asked:  map[call]int{onCreate: 0},
			want:   trouble,
		},
		"a service cannot be created": {
			task:    servedTask,
			program: serves,
			engine:  func(e *fakeEngine) { e.script(onCreate, engineAnswer(500)) },
			log:     []string{"resource-unavailable: services: create service "},
			want:    trouble,
		},
		"a service cannot be started": {
			task:    servedTask,
			program: serves,
			engine:  func(e *fakeEngine) { e.script(onStart, engineAnswer(400)) },
			log:     []string{"failed: services: start service "},
			want:    unready,
		},
		"the network is not let go at once": {
			task:    servedTask,
			program: cast(map[string]program{"": exits(0)}),
			engine:  func(e *fakeEngine) { e.script(onNetworkRemove, engineAnswer(403), engineAnswer(403)) },
			asked:   map[call]int{onNetworkRemove: 3},
			want:    story{Events: "claimed preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"canceled while a service is awaited": {
			task:      servedTask,
			program:   cast(map[string]program{"db": func(p *process) int { p.health("starting"); return serves(p) }}),
			engine:    slow,
			meanwhile: func(r *rig, _ *fakeClaim) { r.await(5 * time.Second); r.worker.Cancel("t1") },
			want:      story{Events: "claimed preparing log exception", Reason: Canceled, Settled: "done"},
		},
		"the claim is lost": {
			task:      servedTask,
			program:   cast(map[string]program{"": runs(time.Hour, 0)}),
			meanwhile: func(_ *rig, c *fakeClaim) { c.lose() },
			asked:     map[call]int{onStop: 0},
			want:      story{Events: "claimed preparing started"},
		},
		"the engine goes away and comes back with everything": {
			task:   servedTask,
			config: func(c *Config) { c.KeepLog = true },
			engine: func(e *fakeEngine) { e.info.Plugins.Log = []string{"local"} },
			program: cast(map[string]program{"": runs(time.Minute, 0), "db": func(p *process) int {
				p.sleep(20 * time.Second)
				_, _ = p.Stdout.Write([]byte("still here\n"))
				return serves(p)
			}}),
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(10 * time.Second)
				r.engine.away()
				r.await(5 * time.Second)
				r.engine.back()
				r.await(2 * time.Minute)
			},
			log:  []string{"still here\n"},
			want: story{Events: "claimed preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"the engine goes away and takes a service along": {
			task:    servedTask,
			program: cast(map[string]program{"": stubborn, "db": runs(12*time.Second, 0)}),
			meanwhile: func(r *rig, _ *fakeClaim) {
				r.await(10 * time.Second)
				r.engine.away()
				r.await(5 * time.Second)
				r.engine.back()
				r.await(time.Minute)
			},
			log:  []string{"resource-unavailable: the engine went away and took service db with it (exit code 0)\n"},
			want: story{Events: "claimed preparing started log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
	})
}

// Services are on the task's own network under their names, confined as a task is, and found again by their labels.
func TestServiceContainers(t *testing.T) {
	for network, internal := range map[string]bool{"bridge": false, "none": true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			var db, task dockerapi.ContainerConfig
			r.engine.program = cast(map[string]program{
				"":   func(p *process) int { task = p.Config; p.sleep(time.Minute); return 0 },
				"db": func(p *process) int { db = p.Config; return serves(p) },
			})
			r.start()
			r.deliver(`{"image": "tool", "network": "` + network + `", "resources": {"memory": "64m"}, "services": {"db": {
				"image": "tool", "command": ["serve"], "entrypoint": ["/db"], "env": {"A": "1"}, "workingDir": "/w", "user": "7", "resources": {"memory": "32m"}}}}`)
			name := containerName("w1", "t1", 1)
			networks := r.engine.networks().all()
			if len(networks) != 1 || networks[0].Name != name || networks[0].Internal != internal || networks[0].Labels[LabelTask] != "t1" {
				t.Errorf("networks: %+v, want %s, internal %v", networks, name, internal)
			}
			if task.HostConfig.NetworkMode != name {
				t.Errorf("the task is on network %q", task.HostConfig.NetworkMode)
			}
			want := dockerapi.ContainerConfig{
				Image: imageOfTool, Cmd: []string{"serve"}, Entrypoint: []string{"/db"}, Env: []string{"A=1"}, WorkingDir: "/w", User: "7", Hostname: "db",
				Labels:       map[string]string{LabelWorker: "w1", LabelTask: "t1", LabelAttempt: "1", LabelService: "db"},
				AttachStdout: true, AttachStderr: true,
				NetworkingConfig: dockerapi.NetworkingConfig{EndpointsConfig: map[string]dockerapi.EndpointConfig{name: {Aliases: []string{"db"}}}},
				HostConfig:       task.HostConfig,
			}
			want.HostConfig.Memory, want.HostConfig.MemorySwap = 32<<20, 32<<20
			if diff := cmp.Diff(want, db); diff != "" {
				t.Errorf("the service (-want +got):\n%s", diff)
			}
			r.await(time.Minute)
			r.end()
		})
	}
}

// A service's log is a stream of its own, masked as the task's is.
func TestServiceLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engine.program = cast(map[string]program{"": says("the task's\n", 0), "db": func(p *process) int {
			_, _ = p.Stdout.Write([]byte("password is hunt"))
			_, _ = p.Stderr.Write([]byte("(an error between)\n"))
			_, _ = p.Stdout.Write([]byte("er2\n"))
			return serves(p)
		}})
		r.start()
		claim := r.deliver(`{"image": "tool", "secrets": ["PASSWORD"], "env": {"PASSWORD": "hunter2"}, "services": {"db": {"image": "tool"}}}`)
		r.await(time.Minute)
		r.told("t1", claim) // offsets and sums
		streams := map[string]string{}
		for _, m := range r.events.all("task.log") {
			streams[m.Headers["stream"].(string)] += string(m.Body)
		}
		if got := streams["service/db"]; strings.Contains(got, "hunt") || !strings.Contains(got, "[masked]") || !strings.Contains(got, "bye\n") {
			t.Errorf("the service's log: %q", got)
		}
		if got := streams["stdout"]; got != "the task's\n" {
			t.Errorf("the task's log: %q", got)
		}
		r.end()
	})
}
