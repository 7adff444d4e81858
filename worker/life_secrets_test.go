package worker

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/mask"
	"github.com/docker-worker/docker-worker/internal/seal"
)

// theSecret would be seen in any of its forms.
const theSecret = `p@ss "word"/hunter2+more`

// secretTask is a task whose secret is listed, and stands where it should not as well.
const secretTask = `{"image": "tool", "env": {"TOKEN": "p@ss \"word\"/hunter2+more", "CODE": "123"}, "secrets": ["TOKEN", "CODE"],
	"metadata": {"owner": "p@ss \"word\"/hunter2+more", "id": "p@ss \"word\"/hunter2+more"}}`

// tellsNothing fails where the secret, or much of it, is in anything that the worker has said.
func tellsNothing(r *rig) {
	r.t.Helper()
	said := map[string]string{"the operator's log": r.operator.String()}
	for _, m := range r.events.all("") {
		said[m.MessageID] = fmt.Sprintf("%s %v %s", m.RoutingKey, m.Headers, m.Body)
	}
	_, log := r.told("t1", &fakeClaim{})
	said["the whole log"] = log
	for where, text := range said {
		for _, form := range secretForms() {
			if strings.Contains(text, form) {
				r.t.Errorf("%q is in %s:\n%.500s", form, where, text)
			}
		}
	}
}

// secretForms are what must not be seen: parts from the middle of each encoding, so that cutting off its ends hides none.
func secretForms() []string {
	forms := []string{"hunter2", "p@ss", hex.EncodeToString([]byte("hunter2")), "p%40ss", `\"word\"`}
	for i := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + theSecret))
		forms = append(forms, text[8:24])
	}
	return forms
}

// leaks prints the secret in many ways, in small pieces.
func leaks(p *process) int {
	value := ""
	for _, variable := range p.Config.Env {
		if v, ok := strings.CutPrefix(variable, "TOKEN="); ok {
			value = v
		}
	}
	text := strings.Join([]string{value, base64.StdEncoding.EncodeToString([]byte("user:" + value)), hex.EncodeToString([]byte(value)),
		url.QueryEscape(value), fmt.Sprintf("%q", value), value + value, "end: " + value}, "\n")
	for i, size := 0, 1; text != ""; i++ {
		n := min(size, len(text))
		if i%5 == 0 {
			p.sleep(time.Second)
		}
		_, _ = p.Stdout.Write([]byte(text[:n]))
		if !p.Config.Tty { // there both are one
			_, _ = p.Stderr.Write([]byte(text[:n]))
		}
		text, size = text[n:], size%7+1
	}
	if value != theSecret {
		return 3
	}
	return 0
}

// A secret is not seen in anything that a worker says, whatever the command does with it, and whoever quotes it.
func TestLifeWithSecrets(t *testing.T) {
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(taskID, name, value string) string {
		text, err := seal.Seal(key.Public(), taskID, name, value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	withKey := func(c *Config) { c.Keys.Sealed = []*seal.PrivateKey{key} }
	refusal := &dockerapi.Error{Op: "ContainerCreate", StatusCode: http.StatusBadRequest, Message: "invalid environment variable: TOKEN=" + theSecret}
	quiet := func(r *rig, claim *fakeClaim) {
		<-claim.settled
		tellsNothing(r)
	}
	const ran = "claimed preparing started log "
	completed := story{Events: ran + "completed", Reason: Completed, ExitCode: "0", Settled: "done"}
	refused := story{Events: "log exception", Reason: MalformedPayload, Settled: "dead-letter"}
	live(t, map[string]scenario{
		"listed": {
			task: secretTask, program: leaks,
			meanwhile: func(r *rig, claim *fakeClaim) {
				r.await(5 * time.Second)
				text, err := os.ReadFile(journalPath(r.worker.taskDir(), "t1", 1))
				if err != nil || !strings.Contains(string(text), mask.Mark) {
					t.Errorf("the journal has nothing: %v", err)
				}
				for _, form := range secretForms() {
					if strings.Contains(string(text), form) {
						t.Errorf("%q is in the journal", form)
					}
				}
				quiet(r, claim)
			},
			log:   []string{"the value of CODE is not masked: it has less than 4 characters", mask.Mark},
			noLog: []string{"123"},
			want:  story{Events: "claimed log preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"sealed": {
			task:   `{"image": "tool", "env": {"TOKEN": {"sealed": "` + sealed("t1", "TOKEN", theSecret) + `"}}}`,
			config: withKey, program: leaks, meanwhile: quiet, log: []string{mask.Mark}, want: completed,
		},
		"on a terminal": {
			task:    strings.Replace(secretTask, `"image"`, `"tty": true, "image"`, 1),
			program: leaks, meanwhile: quiet, log: []string{mask.Mark},
			want: story{Events: "claimed log preparing started log completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"quoted by the engine": {
			task: secretTask, engine: func(e *fakeEngine) { e.script(onCreate, refusal) }, meanwhile: quiet,
			log:  []string{"the engine refuses the container", "TOKEN=" + mask.Mark},
			want: story{Events: "claimed log preparing log exception", Reason: MalformedPayload, Settled: "dead-letter"},
		},
		"in a task that is none": {
			task: `{"image": "p@ss \"word\"/hunter2+more", "env": {"TOKEN": "p@ss \"word\"/hunter2+more"}, "secrets": ["TOKEN", 7, "NONE"]}`, meanwhile: quiet,
			log: []string{`/image: "[masked]" is not an image reference`}, want: refused,
		},
		"sealed for another task": {
			task:   `{"image": "tool", "env": {"TOKEN": {"sealed": "` + sealed("t2", "TOKEN", theSecret) + `"}}}`,
			config: withKey, log: []string{"/env/TOKEN/sealed: it was sealed for another task or another variable"}, want: refused,
		},
		"sealed, and there is no key": {
			task: `{"image": "tool", "env": {"TOKEN": {"sealed": "` + sealed("t1", "TOKEN", theSecret) + `"}}}`,
			log:  []string{"/env/TOKEN/sealed: the key is not here: it is sealed for key " + key.Public().ID()}, want: refused,
		},
		"more than can be masked": {
			task: `{"image": "tool", "env": {"TOKEN": "` + strings.Repeat("long", mask.MaxTotal/4+1) + `"}, "secrets": ["TOKEN"]}`,
			log:  []string{"/secrets: the values of all secrets have 16388 bytes; at most 16384 can be masked"}, want: refused,
		},
	})
}

// A worker that comes back to a command that speaks of its secret goes on without a gap and without a word of it.
func TestLifeGoesOnWithSecrets(t *testing.T) {
	for name, away := range map[string]time.Duration{"early": time.Second, "in the middle": 9 * time.Second, "late": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.engine.program = leaks
				e := r.leave(TaskClaimed, TaskPreparing, TaskStarted)
				e.delivery.Body = []byte(secretTask)
				e.created().started().recently()
				r.await(away)
				// What the earlier process has read by then.
				transcript := newTranscript(e.journal, mask.New([]string{theSecret}))
				r.engine.mu.Lock()
				kept := string(e.container.kept)
				r.engine.mu.Unlock()
				for _, c := range chunksOf([]byte(kept)) {
					transcript.add(dockerapi.Stream(c.Kind), append(make([]byte, recordHeader), c.Text...))
				}
				r.start()
				<-e.claim.settled
				r.engine.mu.Lock()
				kept = string(e.container.kept)
				r.engine.mu.Unlock()
				r.end()
				tellsNothing(r)
				got, log := r.told("t1", e.claim)
				if got.Reason != Completed || strings.Contains(log, "differs") {
					t.Errorf("%+v, %s", got, log)
				}
				// Both streams said the same; each byte of them is there once.
				want := 0
				for _, kind := range []recordKind{recordStdout, recordStderr} {
					s := mask.New([]string{theSecret}).Stream()
					var text []byte
					for _, c := range chunksOf([]byte(kept)) {
						if c.Kind == kind {
							text = s.Mask(text, []byte(c.Text))
						}
					}
					want += len(s.End(text))
				}
				if len(log) != want {
					t.Errorf("the log has %d bytes, want %d:\n%s", len(log), want, log)
				}
			})
		})
	}
}
