package worker

import (
	"strings"
	"testing"
)

// The message is no task, or not one for this worker.
func TestLifeOfABadMessage(t *testing.T) {
	refused := story{Events: "log exception", Reason: MalformedPayload, Settled: "dead-letter"}
	live(t, map[string]scenario{
		"three mistakes at once": {
			task: `{"imag": "tool", "maxRunTime": "long", "env": {"TASK_ID": "mine"}}`,
			log: []string{
				`malformed-payload: /env/TASK_ID: is set by the worker and cannot be overridden`,
				`malformed-payload: /imag: unknown field; did you mean "image"?`,
				`malformed-payload: /image: is required`,
				`malformed-payload: /maxRunTime: must be an integer, not a string`,
			},
			asked: map[call]int{onImage: 0, onCreate: 0},
			want:  refused,
		},
		"empty": {
			task:    " ", // the runner gives "" a meaning of its own
			message: func(d *Delivery) { d.Body = nil },
			log:     []string{"the message is empty; a task is a JSON object"},
			want:    refused,
		},
		"five megabytes of zeros": {
			task: strings.Repeat("\x00", 5<<20),
			log:  []string{"the message has 5242880 bytes; a task has at most 1048576"},
			want: refused,
		},
		"an id that cannot be one, and another problem": {
			task:    `{"image": ""}`,
			message: func(d *Delivery) { d.MessageID = "../../etc" },
			log:     []string{`the message_id "../../etc" cannot be a task id`, "/image: must not be empty"},
			want:    refused,
		},
		"an id that cannot be one": {
			message: func(d *Delivery) { d.MessageID = "a b" },
			log:     []string{`the message_id "a b" cannot be a task id`},
			want:    refused,
		},
		"longer than the worker allows": {
			task:   `{"image": "tool", "maxRunTime": 61}`,
			config: func(c *Config) { c.Policy.MaxRunTime = 60e9 },
			log:    []string{"/maxRunTime: 61 seconds are more than this worker allows (60, its --max-run-time)"},
			want:   refused,
		},
		"nothing to run, neither here nor in the image": {
			engine: func(e *fakeEngine) {
				image := e.images["tool:latest"]
				image.Config.Cmd = nil
				e.images["tool:latest"] = image
			},
			log:  []string{"/command: is required: image tool:latest has neither a CMD nor an ENTRYPOINT"},
			want: story{Events: "claimed preparing log exception", Reason: MalformedPayload, Settled: "dead-letter"},
		},
		"the engine refuses the container": {
			engine: func(e *fakeEngine) { e.script(onCreate, engineAnswer(400)) },
			log:    []string{"malformed-payload: the engine refuses the container: "},
			want:   story{Events: "claimed preparing log exception", Reason: MalformedPayload, Settled: "dead-letter"},
		},
		"no id": { // it gets one
			message: func(d *Delivery) { d.MessageID = "" },
			want:    story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
	})
}

// The task was tried before.
func TestLifeOfALaterAttempt(t *testing.T) {
	live(t, map[string]scenario{
		"attempts used up": {
			message: func(d *Delivery) { d.Attempts = 5 },
			log:     []string{"too-many-attempts: payload: 5 attempts were begun and none of them ended; 5 are allowed"},
			asked:   map[call]int{onImage: 0},
			want:    story{Events: "claimed log exception", Reason: TooManyAttempts, Settled: "dead-letter"},
		},
		"the last attempt fails on our side": {
			message: func(d *Delivery) { d.Attempts = 4 },
			engine:  func(e *fakeEngine) { e.script(onCreate, engineAnswer(500)) },
			want:    story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Settled: "dead-letter"},
		},
		"the last but one fails on our side": {
			message: func(d *Delivery) { d.Attempts = 3 },
			engine:  func(e *fakeEngine) { e.script(onCreate, engineAnswer(500)) },
			want:    story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 4"},
		},
		"the last attempt works": {
			message: func(d *Delivery) { d.Attempts = 4 },
			want:    story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"},
		},
		"one attempt, no more": {
			config: func(c *Config) { c.Policy.MaxAttempts = 1 },
			engine: func(e *fakeEngine) { e.script(onStart, engineAnswer(500)) },
			want:   story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Settled: "dead-letter"},
		},
	})
}
