package worker

import (
	"io"
	"testing"
	"time"
)

// The command ends by itself.
func TestLifeToTheExit(t *testing.T) {
	const ran = "claimed preparing started "
	live(t, map[string]scenario{
		"exit 0": {
			program: exits(0),
			asked:   map[call]int{onPull: 0, onCreate: 1, onAttach: 1, onWait: 1, onStart: 1, onStop: 0, onKill: 0, onRemove: 1},
			want:    story{Events: ran + "completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"exit 3": {
			program: says("three\n", 3),
			log:     []string{"three\n"},
			noLog:   []string{"[docker-worker]"}, // the exit code says it all
			want:    story{Events: ran + "log failed", Reason: Failed, ExitCode: "3", Settled: "done"},
		},
		"exit 75, which is to be tried again": {
			task:    `{"image": "tool", "onExitStatus": {"retry": [75]}}`,
			program: exits(75),
			log:     []string{"intermittent-task: the command exited with code 75"},
			want:    story{Events: ran + "log exception", Reason: IntermittentTask, ExitCode: "75", Retrying: true, Settled: "retry 1"},
		},
		"after a day": {
			task:    `{"image": "tool", "maxRunTime": 86401}`,
			program: runs(24*time.Hour, 0),
			want:    story{Events: ran + "completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"killed from inside": {
			program: exits(137),
			want:    story{Events: ran + "failed", Reason: Failed, ExitCode: "137", Settled: "done"},
		},
		"out of memory": {
			program: func(p *process) int { p.outOfMemory(); return 137 },
			log:     []string{"oom-killed: the command was killed because the container was out of memory"},
			want:    story{Events: ran + "log failed", Reason: OOMKilled, ExitCode: "137", OOMKilled: true, Settled: "done"},
		},
		"a child out of memory, the command copes": {
			program: func(p *process) int { p.outOfMemory(); return 0 },
			want:    story{Events: ran + "completed", Reason: Completed, ExitCode: "0", OOMKilled: true, Settled: "done"},
		},
		"a child out of memory, the command fails": {
			program: func(p *process) int { p.outOfMemory(); return 1 },
			want:    story{Events: ran + "failed", Reason: Failed, ExitCode: "1", OOMKilled: true, Settled: "done"},
		},
		"speaks and ends before the engine has answered the start": {
			program: says("quick\n", 0),
			engine:  func(e *fakeEngine) { e.startDelay = time.Second },
			log:     []string{"quick\n"},
			want:    story{Events: ran + "log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"leaves a child that holds the output open": {
			program: func(p *process) int {
				p.leave(func() {
					p.sleep(5 * time.Second)
					_, _ = io.WriteString(p.Stdout, "soon after\n")
					p.sleep(time.Hour)
					_, _ = io.WriteString(p.Stdout, "long after\n")
				})
				_, _ = io.WriteString(p.Stdout, "in time\n")
				return 0
			},
			log:   []string{"in time\nsoon after\n[docker-worker] the command has exited, but something it started still holds its output open"},
			noLog: []string{"long after"},
			want:  story{Events: ran + "log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"leaves a child that ends soon": {
			program: func(p *process) int {
				p.leave(func() {
					p.sleep(9 * time.Second)
					_, _ = io.WriteString(p.Stdout, "last words\n")
				})
				return 0
			},
			log:   []string{"last words\n"},
			noLog: []string{"[docker-worker]"},
			want:  story{Events: ran + "log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"on a terminal": {
			task:    `{"image": "tool", "tty": true}`,
			program: says("\x01\x00\x00\x00no frames here\r\n", 0),
			log:     []string{"\x01\x00\x00\x00no frames here\r\n"},
			want:    story{Events: ran + "log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"the engine cannot tell the details of the exit": {
			program: exits(4),
			engine:  func(e *fakeEngine) { e.script(onInspect, engineAnswer(500)) },
			want:    story{Events: ran + "failed", Reason: Failed, ExitCode: "4", Settled: "done"},
		},
		"the container cannot be removed": { // it is for those who look for what is left behind
			engine: func(e *fakeEngine) { e.script(onRemove, engineAnswer(500)) },
			meanwhile: func(r *rig, _ *fakeClaim) {
				if !r.operator.has("cannot tear down a stage") {
					r.t.Error("the operator is not told")
				}
				_ = r.engine.ContainerRemove(r.t.Context(), r.engine.only(r.t).id, removeAll)
			},
			want: story{Events: ran + "completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
	})
}
