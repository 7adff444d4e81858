package worker

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"
)

// An engine that was away may have come back as another one: the API version is agreed on again before the next task,
// and the worker's events tell of it.
func TestEngineThatComesBackIsNegotiatedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Heartbeat = time.Minute
		r.engine.program = runs(time.Second, 0)
		r.start()
		<-r.deliver(someTask).settled
		if n := r.engine.called(onNegotiate); n != 1 {
			t.Errorf("negotiated %d times at the start, want once", n)
		}

		first := r.deliver(someTask) // its slot looks at the engine when it has settled this
		r.engine.away()
		r.engine.warning = "too new"
		r.await(10 * time.Second)
		r.engine.back()
		<-first.settled
		<-r.deliver(someTask).settled
		if n := r.engine.called(onNegotiate); n != 2 {
			t.Errorf("negotiated %d times after the engine came back, want twice", n)
		}
		r.end()

		events := r.events.all("worker.stopped")
		if len(events) != 1 {
			t.Fatalf("%d events worker.stopped", len(events))
		}
		var told workerEnvelope
		if err := json.Unmarshal(events[0].Body, &told); err != nil {
			t.Fatal(err)
		}
		if told.Host.EngineOutages < 1 || told.Host.EngineWarning != "too new" {
			t.Errorf("the worker tells of %d outages and the warning %q", told.Host.EngineOutages, told.Host.EngineWarning)
		}
	})
}
