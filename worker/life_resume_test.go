package worker

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// A worker comes back to what an earlier process under its id has left: the attempt goes on, its log is whole, and its
// story is told once.
func TestLifeGoesOn(t *testing.T) {
	const ran = "claimed preparing started "
	begun := []EventType{TaskClaimed, TaskPreparing, TaskStarted}
	exited := story{Events: ran + "log failed", Reason: Failed, ExitCode: "7", Settled: "done"}
	again := story{Events: ran + "log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"}
	for name, s := range map[string]struct {
		program   program
		left      func(*rig) *earlier
		meanwhile func(*rig)
		log       string // all of it, without what the worker adds
		added     string // in what the worker adds
		asked     map[call]int
		want      story
	}{
		"the command runs": {
			program: speaker,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().started()
				r.await(25 * time.Second)
				e.journal.write(chunk{recordStdout, "one\ntw"}) // so far the earlier process had come
				return e
			},
			log:   "one\ntwo\nthree\nfour\nfive\nsix\n",
			asked: map[call]int{onCreate: 0, onStart: 0, onAttach: 0, onLogs: 1, onRemove: 1},
			want:  exited,
		},
		"the command runs, and the log cannot be read again": {
			program: speaker,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created()
				r.cfg.KeepLog = false
				e.started()
				r.await(25 * time.Second)
				e.journal.write(chunk{recordStdout, "one\n"})
				return e
			},
			log:   "one\nfour\nfive\nsix\n",
			asked: map[call]int{onAttach: 1, onLogs: 0},
			want:  exited,
		},
		"the command runs, on an engine that keeps its log as JSON": {
			program: speaker,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().started()
				r.engine.info.Plugins.Log = nil
				return e
			},
			log:  "one\ntwo\nthree\nfour\nfive\nsix\n",
			want: exited,
		},
		"the command has ended meanwhile": {
			program: speaker,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().started()
				r.await(2 * time.Minute)
				return e.recently()
			},
			log:  "one\ntwo\nthree\nfour\nfive\nsix\n",
			want: exited,
		},
		"the host was restarted meanwhile": {
			program: speaker,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().started()
				r.await(2 * time.Minute)
				return e
			},
			added: "resource-unavailable: the host was restarted while the command ran (exit code 7)",
			want:  again,
		},
		"the time of the command goes on": {
			program: stubborn,
			left: func(r *rig) *earlier {
				e := r.leave(begun...)
				e.delivery.Body = []byte(`{"image": "tool", "maxRunTime": 60}`)
				e.created().started()
				r.await(59 * time.Second)
				return e
			},
			meanwhile: func(r *rig) {
				r.await(2 * time.Second)
				if n := r.engine.called(onStop); n != 1 {
					r.t.Errorf("%d stops two seconds after the start; the time is up after one", n)
				}
			},
			log:   "working\n",
			added: "timeout: maxRunTime exceeded: 1m0s",
			want:  story{Events: ran + "log failed", Reason: Timeout, ExitCode: "137", Settled: "done"},
		},
		"the container was not started yet": {
			program: says("hello\n", 7),
			left:    func(r *rig) *earlier { return r.leave(TaskClaimed, TaskPreparing).created() },
			log:     "hello\n",
			asked:   map[call]int{onCreate: 0, onStart: 1, onAttach: 1},
			want:    exited,
		},
		"there was no container yet": {
			program: says("hello\n", 7),
			left:    func(r *rig) *earlier { return r.leave(TaskClaimed) },
			log:     "hello\n",
			asked:   map[call]int{onCreate: 1},
			want:    exited,
		},
		"the container is gone": {
			left:  func(r *rig) *earlier { return r.leave(begun...) },
			added: "resource-unavailable: container: the task's container was removed while no worker watched",
			want:  again,
		},
		"the container cannot be looked for": {
			left: func(r *rig) *earlier {
				r.engine.script(onInspect, engineAnswer(500))
				return r.leave(begun...).created()
			},
			added: "resource-unavailable: container: look for the task's container: ",
			want:  again,
		},
		"its log cannot be read": {
			program: stubborn,
			left: func(r *rig) *earlier {
				r.engine.script(onLogs, engineAnswer(500))
				return r.leave(begun...).created().started()
			},
			added: "go on with the container: read the log again: ",
			want:  again,
		},
		"the engine goes away once more": {
			program: speaker,
			left:    func(r *rig) *earlier { return r.leave(begun...).created().started() },
			meanwhile: func(r *rig) {
				r.await(25 * time.Second)
				r.engine.away()
				r.await(10 * time.Second)
				r.engine.back()
			},
			log:   "one\ntwo\nthree\nfour\nfive\nsix\n",
			asked: map[call]int{onLogs: 2},
			want:  exited,
		},
		"the engine kept something else": {
			program: speaker,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().started()
				e.journal.write(chunk{recordStdout, "two"})
				return e
			},
			log:   "two\ntwo\nthree\nfour\nfive\nsix\n",
			added: "what the engine kept of stdout differs from what was read before",
			want:  exited,
		},
		"the command has ended, and its end was seen": {
			left: func(r *rig) *earlier {
				seven := 7
				return r.leave(begun...).created().decided(Outcome{Reason: Failed, ExitCode: &seven})
			},
			asked: map[call]int{onInspect: 0, onStart: 0, onRemove: 1},
			want:  story{Events: ran + "failed", Reason: Failed, ExitCode: "7", Settled: "done"},
		},
		"the command has ended, and its container cannot be removed": {
			left: func(r *rig) *earlier {
				r.engine.script(onRemove, engineAnswer(500))
				return r.leave(begun...).created().decided(Outcome{Reason: Completed})
			},
			meanwhile: func(r *rig) {
				r.saw("cannot remove what an earlier process made for the task")
				_ = r.engine.ContainerRemove(r.t.Context(), r.engine.only(r.t).id, removeAll)
			},
			want: story{Events: ran + "completed", Reason: Completed, Settled: "done"},
		},
		"the outcome was told": {
			left: func(r *rig) *earlier {
				e := r.leave(begun...).decided(Outcome{Reason: Canceled, Message: "canceled"})
				e.journal.logf("[docker-worker] canceled: canceled")
				out := Outcome{Reason: Canceled, Log: e.journal.seal()}
				e.journal.emit(TaskException, time.Now().UTC(), outcomeDetails{Outcome: &out})
				return e
			},
			added: "canceled: canceled\n",
			want:  story{Events: ran + "log exception", Reason: Canceled, Settled: "done"},
		},
		"the journal was torn": {
			program: speaker,
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().started()
				e.journal.write(chunk{recordStdout, "one\ntwo\n"})
				if err := e.journal.file.Truncate(e.journal.fileSize - 3); err != nil {
					r.t.Fatal(err)
				}
				return e
			},
			log:  "one\ntwo\nthree\nfour\nfive\nsix\n",
			want: exited,
		},
		"the journal is gone": {
			program: speaker,
			left: func(r *rig) *earlier {
				e := r.leave().created().started()
				if err := e.journal.release(); err != nil {
					r.t.Fatal(err)
				}
				return e
			},
			log:  "one\ntwo\nthree\nfour\nfive\nsix\n",
			want: exited,
		},
		"the journal is rubbish": { // nothing can be told of this attempt; the next one has a journal of its own
			program: stubborn,
			left: func(r *rig) *earlier {
				e := r.leave().created().started()
				e.journal.append(recordEvent, append(make([]byte, recordHeader), "no JSON"...))
				return e
			},
			meanwhile: func(r *rig) {
				r.saw("the outcome was not confirmed")
			},
			want: story{Settled: "retry 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				if s.program != nil {
					r.engine.program = s.program
				}
				e := s.left(r)
				r.start()
				if s.meanwhile != nil {
					s.meanwhile(r)
				}
				r.end()
				got, log := r.told("t1", e.claim)
				if diff := cmp.Diff(s.want, got); diff != "" {
					t.Errorf("the story (-want +got):\n%s", diff)
				}
				var output, added strings.Builder
				for line := range strings.Lines(log) {
					if strings.HasPrefix(line, "[docker-worker]") {
						added.WriteString(line)
					} else {
						output.WriteString(line)
					}
				}
				if diff := cmp.Diff(s.log, output.String()); diff != "" {
					t.Errorf("the log (-want +got):\n%s", diff)
				}
				if !strings.Contains(added.String(), s.added) || s.added == "" && added.Len() != 0 {
					t.Errorf("the worker adds %q, want %q", added.String(), s.added)
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

// A worker that held more than it has room for goes on with all of it, and takes no more until there is room.
func TestMoreIsResumedThanThereIsRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engine.program = runs(time.Minute, 0)
		var claims []*fakeClaim
		for _, id := range []string{"a", "b", "c"} {
			c := r.queue.claim()
			claims = append(claims, c)
			r.queue.resumed = append(r.queue.resumed, &Delivery{Claim: c, Body: []byte(someTask), MessageID: id, Resumed: true})
		}
		r.start()
		if ids := r.worker.tasks.ids(); len(ids) != 3 {
			t.Errorf("%v go on", ids)
		}
		go func() {
			r.queue.deliveries <- &Delivery{Claim: r.queue.claim(), Body: []byte(someTask), MessageID: "d"}
		}()
		r.await(90 * time.Second)
		for _, c := range claims {
			if c.how() != "done" {
				t.Errorf("settled by %q", c.how())
			}
		}
		if diff := cmp.Diff([]string{"d"}, r.worker.tasks.ids()); diff != "" {
			t.Error(diff)
		}
		r.end()
	})
}

// A worker that cannot know what it held does not start: it could take for leftovers what is a task.
func TestRunNeedsToKnowWhatItHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := r.leave(TaskClaimed).created()
		r.queue.noResume = errors.New("no broker")
		r.start()
		if err := <-r.ended; !errors.Is(err, r.queue.noResume) {
			t.Errorf("the worker ended with: %v", err)
		}
		if r.engine.only(t) != e.container {
			t.Error("the container was touched")
		}
	})
}

// An outcome that nobody confirmed before the worker had to go stays in the journal, for the next process.
func TestOutcomeIsKeptForTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.events.away()
		r.start()
		first := r.deliver(someTask, func(d *Delivery) { d.Claim.(*fakeClaim).until = time.Now().Add(time.Hour) })
		r.stop()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		if how := first.how(); how != "" || len(r.events.all("task.")) != 0 {
			t.Errorf("settled by %q, %d events", how, len(r.events.all("task.")))
		}
		r.events.back()
		claim := r.queue.claim()
		r.queue.resumed = []*Delivery{{Claim: claim, Body: []byte(someTask), MessageID: "t1", Resumed: true}}
		r.start()
		r.end()
		got, _ := r.told("t1", claim)
		want := story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n := r.engine.called(onStart); n != 1 {
			t.Errorf("the command was started %d times", n)
		}
	})
}

// The journal cannot be read any more in the middle of a task: the task goes back, for an attempt that can be told of.
func TestUnreadableJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		speak := make(chan struct{})
		r.engine.program = func(p *process) int {
			<-speak
			_, _ = p.Stdout.Write([]byte(letters))
			p.sleep(time.Minute)
			return 0
		}
		r.start()
		r.events.away()
		claim := r.deliver(someTask) // the relay stands still in its first publish
		close(speak)
		synctest.Wait() // what is written now it has not read
		if err := os.Truncate(journalPath(r.worker.taskDir(), "t1", 1), 3); err != nil {
			t.Fatal(err)
		}
		r.events.back()
		<-claim.settled
		r.end()
		got, _ := r.told("t1", claim)
		if got.Settled != "retry 1" || got.Reason != "" {
			t.Errorf("the story: %+v", got)
		}
		r.saw("the outcome was not confirmed")
	})
}

// How the engine keeps a log of its own.
func TestLogConfig(t *testing.T) {
	for name, test := range map[string]struct {
		keep    bool
		drivers []string
		want    dockerapi.LogConfig
	}{
		"not at all": {false, []string{"local"}, dockerapi.LogConfig{Type: "none"}},
		"as bytes":   {true, []string{"json-file", "local"}, dockerapi.LogConfig{Type: "local", Config: map[string]string{"max-size": "2048k", "max-file": "1", "compress": "false"}}},
		"as text":    {true, []string{"json-file"}, dockerapi.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "2048k", "max-file": "1"}}},
	} {
		w := &Worker{cfg: Config{KeepLog: test.keep, MaxLogSize: 1 << 20}}
		w.engine.Plugins.Log = test.drivers
		if diff := cmp.Diff(test.want, w.logConfig()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
