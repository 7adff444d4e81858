package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// reports are what was told of artifacts, a line for each.
func (r *rig) reports() []string {
	r.t.Helper()
	var lines []string
	for _, m := range r.events.all("task.artifact") {
		var a ArtifactReport
		if err := json.Unmarshal(m.Body, &a); err != nil {
			r.t.Fatal(err)
		}
		lines = append(lines, lineOf(a))
	}
	return lines
}

func lineOf(a ArtifactReport) string {
	switch {
	case a.Error != "":
		return a.Name + " error: " + a.Error
	case a.Missing:
		return a.Name + " missing"
	}
	return a.Name + " " + a.URL
}

// TestArtifactsAreKept: however the command has ended, what it left is kept and told, before the outcome, which lists it;
// and nothing that happens to an artifact changes the outcome.
func TestArtifactsAreKept(t *testing.T) {
	const artifacts = `"artifacts": {"a": {"path": "/out/a.txt", "url": "http://web/a?secret", "expires": "2030-01-01"}}`
	const told = "claimed preparing started artifact "
	const kept = "a http://web/a"
	put := []string{"PUT http://web/a?secret text"}
	for name, test := range map[string]struct {
		task      string // but for its artifacts
		artifacts string
		program   program
		answer    func(r *http.Request, body string) (int, string)
		config    func(*Config)
		refuse    error // of the engine
		meanwhile func(*rig, *fakeClaim)
		requests  []string
		reports   []string
		log       []string
		noLog     []string
		want      story
	}{
		"completed": {requests: put, reports: []string{kept}, want: story{Events: told + "completed", Reason: Completed, ExitCode: "0", Settled: "done"}},
		"failed":    {program: exits(3), requests: put, reports: []string{kept}, want: story{Events: told + "failed", Reason: Failed, ExitCode: "3", Settled: "done"}},
		"timeout": {task: `"maxRunTime": 60, `, program: runs(2*time.Minute, 0), meanwhile: func(r *rig, _ *fakeClaim) { r.await(3 * time.Minute) }, requests: put, reports: []string{kept},
			want: story{Events: told + "log failed", Reason: Timeout, ExitCode: "137", Settled: "done"}},
		"canceled": {program: runs(time.Hour, 0), meanwhile: func(r *rig, _ *fakeClaim) { r.worker.Cancel("t1") }, requests: put, reports: []string{kept},
			want: story{Events: told + "log exception", Reason: Canceled, ExitCode: "137", Settled: "done"}},
		"not there": {artifacts: `"artifacts": {"a": {"path": "/none", "url": "http://web/a"}}`, reports: []string{"a error: there is none in the container"},
			log:  []string{"[docker-worker] artifact a: /none: there is none in the container"},
			want: story{Events: "claimed preparing started log artifact completed", Reason: Completed, ExitCode: "0", Settled: "done"}},
		"not there, and optional": {artifacts: `"artifacts": {"a": {"path": "/none", "url": "http://web/a", "optional": true}}`, reports: []string{"a missing"},
			want: story{Events: told + "completed", Reason: Completed, ExitCode: "0", Settled: "done"}},
		"refused": {answer: func(*http.Request, string) (int, string) { return 403, "" }, requests: put, reports: []string{"a error: upload http://web/a: the server answers 403 Forbidden"},
			log: []string{"[docker-worker] artifact a: /out/a.txt: upload http://web/a: the server answers 403 Forbidden"}, noLog: []string{"secret"},
			want: story{Events: "claimed preparing started log artifact completed", Reason: Completed, ExitCode: "0", Settled: "done"}},
		"a server that is mute": {answer: func(*http.Request, string) (int, string) { return 0, "" }, meanwhile: func(r *rig, _ *fakeClaim) { r.await(6 * time.Minute) },
			requests: slices.Repeat(put, 5), reports: []string{"a error: upload http://web/a: no byte has moved for 1m0s (tried 5 times)"},
			want: story{Events: "claimed preparing started log artifact completed", Reason: Completed, ExitCode: "0", Settled: "done"}},
		"an engine that breaks": {refuse: engineAnswer(500), reports: []string{"a error: upload http://web/a: read /out/a.txt in the container: Test: the engine answers 500 (status 500)"},
			want: story{Events: "claimed preparing started log artifact completed", Reason: Completed, ExitCode: "0", Settled: "done"}},
		"it takes too long": {answer: func(*http.Request, string) (int, string) { return 0, "" }, config: func(c *Config) { c.Transfers.ArtifactTimeout = 30 * time.Second },
			meanwhile: func(r *rig, _ *fakeClaim) { r.await(time.Minute) }, requests: put, reports: []string{"a error: tear down artifacts: took longer than 30s"},
			want: story{Events: "claimed preparing started log artifact completed", Reason: Completed, ExitCode: "0", Settled: "done"}},
		"the worker must go": {answer: func(*http.Request, string) (int, string) { return 0, "" },
			config:    func(c *Config) { c.Transfers.Client.Inactivity = time.Hour }, // or both minutes end at once
			meanwhile: func(r *rig, _ *fakeClaim) { r.stop(); r.await(59 * time.Second); r.await(2 * time.Second) }, requests: slices.Repeat(put, 1), reports: []string{"a error: gave up after 1m0s: the worker shuts down"},
			want: story{Events: "claimed preparing started log artifact completed", Reason: Completed, ExitCode: "0", Settled: "done"}},
		"the claim is lost": {answer: func(*http.Request, string) (int, string) { return 0, "" }, meanwhile: func(_ *rig, c *fakeClaim) { c.lose() }, requests: put,
			want: story{Events: "claimed preparing started"}},
		"the command never ran": {task: `"files": {"/out": {"content": "x"}}, `, want: story{Events: "claimed preparing log exception", Reason: MalformedPayload, Settled: "dead-letter"}},
		"in no place": {artifacts: `"artifacts": {"a": {"path": "/out/a.txt"}}`, log: []string{"/artifacts/a: has no url, and this worker has no --artifact-store"},
			want: story{Events: "log exception", Reason: MalformedPayload, Settled: "dead-letter"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				files := newFakeFiles("/out", "/out/a.txt=text")
				files.refuse = test.refuse
				r.engine.archiveEngine = files
				if test.program != nil {
					r.engine.program = test.program
				}
				w := &web{answer: test.answer}
				r.cfg.Transfers.Client = w.client()
				if test.config != nil {
					test.config(&r.cfg)
				}
				if test.artifacts == "" {
					test.artifacts = artifacts
				}
				r.start()
				claim := r.deliver(`{"image": "tool", ` + test.task + test.artifacts + `}`)
				if test.meanwhile != nil {
					test.meanwhile(r, claim)
				}
				r.end()
				got, log := r.told("t1", claim)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s\n%s", diff, log)
				}
				if diff := cmp.Diff(test.requests, w.requests()); diff != "" {
					t.Errorf("requests: %s", diff)
				}
				if diff := cmp.Diff(test.reports, r.reports()); diff != "" {
					t.Errorf("reports: %s", diff)
				}
				for _, text := range test.log {
					if !strings.Contains(log, text) {
						t.Errorf("the log does not say %q:\n%s", text, log)
					}
				}
				for _, text := range append(test.noLog, "secret") {
					if strings.Contains(log, text) || r.operator.has(text) {
						t.Errorf("a log says %q:\n%s", text, log)
					}
				}
				if test.want.Reason != "" {
					var lines []string
					for _, a := range r.outcome().Artifacts {
						lines = append(lines, lineOf(a))
					}
					if diff := cmp.Diff(test.reports, lines); diff != "" {
						t.Errorf("the outcome lists: %s", diff)
					}
				}
			})
		})
	}
}

// TestArtifactsAfterACrash: the next process keeps what the earlier one had no time for, and tells nothing twice.
func TestArtifactsAfterACrash(t *testing.T) {
	const body = `{"image": "tool", "artifacts": {"a": {"path": "/a", "url": "http://web/a"}, "b": {"path": "/b", "url": "http://web/b"}}}`
	begun := []EventType{TaskClaimed, TaskPreparing, TaskStarted}
	seven, now := 7, time.Now()
	decided := Outcome{Reason: Failed, ExitCode: &seven, Times: Times{Started: &now}}
	told := ArtifactReport{Name: "a", Path: "/a", Size: 1, URL: "http://web/a"}
	for name, test := range map[string]struct {
		left     func(*rig) *earlier
		requests []string
		reports  []string // that are new
	}{
		"the command had ended, unseen": {
			left: func(r *rig) *earlier {
				r.engine.program = exits(7)
				return r.leave(begun...).created().started().recently()
			},
			requests: []string{"PUT http://web/a A", "PUT http://web/b B"},
			reports:  []string{"a http://web/a", "b http://web/b"},
		},
		"its end was seen": {
			left:     func(r *rig) *earlier { return r.leave(begun...).created().decided(decided) },
			requests: []string{"PUT http://web/a A", "PUT http://web/b B"},
			reports:  []string{"a http://web/a", "b http://web/b"},
		},
		"one was kept": {
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().decided(decided)
				e.journal.emit(TaskArtifact, time.Now(), ArtifactReport{Name: "b", Of: "c"}) // a file of another
				e.journal.emit(TaskArtifact, time.Now(), told)
				return e
			},
			requests: []string{"PUT http://web/b B"},
			reports:  []string{"b ", "a http://web/a", "b http://web/b"},
		},
		"the container is gone": {
			left: func(r *rig) *earlier {
				e := r.leave(begun...).decided(decided)
				e.journal.emit(TaskArtifact, time.Now(), told)
				return e
			},
			reports: []string{"a http://web/a", "b error: the worker was restarted while it kept them, and the container is gone"},
		},
		"the outcome was told": {
			left: func(r *rig) *earlier {
				e := r.leave(begun...).created().decided(decided)
				out := decided
				none := sha256.Sum256(nil)
				out.Log.SHA256 = hex.EncodeToString(none[:])
				e.journal.emit(TaskFailed, time.Now(), out)
				return e
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.engine.archiveEngine = newFakeFiles("/a=A", "/b=B")
				w := &web{}
				r.cfg.Transfers.Client = w.client()
				e := test.left(r)
				e.delivery.Body = []byte(body)
				r.start()
				r.end()
				got, log := r.told("t1", e.claim)
				if got.Reason != Failed || got.ExitCode != "7" || got.Settled != "done" {
					t.Errorf("%+v\n%s", got, log)
				}
				if diff := cmp.Diff(test.requests, w.requests()); diff != "" {
					t.Errorf("requests: %s", diff)
				}
				if diff := cmp.Diff(test.reports, r.reports()); diff != "" {
					t.Errorf("reports: %s", diff)
				}
				if n := len(r.outcome().Artifacts); name != "the outcome was told" && n != 2 {
					t.Errorf("the outcome lists %d artifacts, want 2", n)
				}
			})
		})
	}
}
