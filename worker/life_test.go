package worker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scenario is a life of a task: what is asked for, what happens, and the story that is told of it. Whatever the
// scenario, containers, journals, streams and goroutines must be gone at its end.
type scenario struct {
	task      string                 // the message; "" is the least that is a task
	message   func(*Delivery)        // changes its properties; it is task t1 of the queue, attempt 1
	config    func(*Config)          // changes the worker's
	program   program                // what the container runs; nil exits with 0
	engine    func(*fakeEngine)      // how the engine behaves
	ready     func(*rig)             // happens when the worker has started, before the message comes
	meanwhile func(*rig, *fakeClaim) // happens when nothing more happens by itself
	log       []string               // texts that the log has, for the person who wrote the task
	noLog     []string               // texts that it must not have
	asked     map[call]int           // how often the engine was asked
	want      story                  // as the receivers of the events and the queue know it
}

const someTask = `{"image": "tool"}`

// live plays each scenario in a bubble of its own, where time passes when nothing else does.
func live(t *testing.T, scenarios map[string]scenario) {
	for name, s := range scenarios {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { s.play(t) })
		})
	}
}

func (s scenario) play(t *testing.T) {
	r := newRig(t)
	if s.config != nil {
		s.config(&r.cfg)
	}
	if s.program != nil {
		r.engine.program = s.program
	}
	if s.engine != nil {
		s.engine(r.engine)
	}
	r.start()
	if s.ready != nil {
		s.ready(r)
	}
	if s.task == "" {
		s.task = someTask
	}
	if s.message == nil {
		s.message = func(*Delivery) {}
	}
	claim := r.deliver(s.task, s.message)
	if s.meanwhile != nil {
		s.meanwhile(r, claim)
	}
	r.end()
	got, log := r.told("", claim)
	if diff := cmp.Diff(s.want, got); diff != "" {
		t.Errorf("the story (-want +got):\n%s\nits log:\n%s", diff, log)
	}
	for _, text := range s.log {
		if !strings.Contains(log, text) {
			t.Errorf("the log does not have %q:\n%.2000s", text, log)
		}
	}
	for _, text := range s.noLog {
		if strings.Contains(log, text) {
			t.Errorf("the log has %q:\n%.2000s", text, log)
		}
	}
	for c, n := range s.asked {
		if got := r.engine.called(c); got != n {
			t.Errorf("%s was called %d times, want %d", c, got, n)
		}
	}
}

// exits is a program that ends at once.
func exits(code int) program { return func(*process) int { return code } }

// says is a program that writes a text and ends.
func says(text string, code int) program {
	return func(p *process) int {
		_, _ = p.Stdout.Write([]byte(text))
		return code
	}
}

// runs is a program that takes some time.
func runs(d time.Duration, code int) program {
	return func(p *process) int {
		p.sleep(d)
		return code
	}
}

// obeys is a program that would run for ever, and ends a while after the stop signal.
func obeys(after time.Duration, code int) program {
	return func(p *process) int {
		_, _ = p.Stdout.Write([]byte("working\n"))
		select {
		case <-p.Stop:
			_, _ = p.Stdout.Write([]byte("cleaning up\n"))
			p.sleep(after)
			_, _ = p.Stdout.Write([]byte("clean\n"))
		case <-p.Kill:
		}
		return code
	}
}

// stubborn is a program that ends by SIGKILL alone.
func stubborn(p *process) int {
	_, _ = p.Stdout.Write([]byte("working\n"))
	<-p.Kill
	return 0
}
