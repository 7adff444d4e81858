package worker

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// Until is the end of a claim that is not renewed; the zero time where the test does not care.
func (c *fakeClaim) Until() time.Time { return c.until }

// Resume returns what an earlier process held.
func (q *fakeQueue) Resume(context.Context) ([]*Delivery, error) { return q.resumed, q.noResume }

// Resume has nothing.
func (*lateSource) Resume(context.Context) ([]*Delivery, error) { return nil, nil }

// ContainerLogs replays what the container has written so far, and follows.
func (e *fakeEngine) ContainerLogs(ctx context.Context, id string, opts dockerapi.LogsOptions) (io.ReadCloser, error) {
	if err := e.enter(ctx, onLogs); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(id)
	if err != nil {
		return nil, err
	}
	if c.config.HostConfig.LogConfig.Type == noLog || !opts.Follow || !opts.Stdout || !opts.Stderr {
		return nil, engineAnswer(501)
	}
	s := c.attach(ctx)
	s.write(c.kept)
	if c.silent {
		s.end(io.EOF)
	}
	return s, nil
}

// earlier is what a process that is gone has left of an attempt at task t1.
type earlier struct {
	rig       *rig
	container *fakeContainer
	journal   *journal
	claim     *fakeClaim
	delivery  *Delivery
}

// leave makes a rig as an earlier process left it: with a claim that is still held, and a journal that tells of events.
func (r *rig) leave(events ...EventType) *earlier {
	r.t.Helper()
	r.cfg.KeepLog = true
	r.engine.info.Plugins.Log = []string{"json-file", "local"}
	e := &earlier{rig: r, claim: r.queue.claim()}
	e.claim.until = time.Now().Add(time.Hour)
	e.delivery = &Delivery{Claim: e.claim, Body: []byte(someTask), MessageID: "t1", Queue: "tasks", Resumed: true}
	r.queue.resumed = append(r.queue.resumed, e.delivery)

	dir := filepath.Join(r.cfg.StateDir, "w1", "tasks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	j, err := openJournal(journalPath(dir, "t1", 1), 1<<20)
	if err != nil {
		r.t.Fatal(err)
	}
	e.journal = j
	r.t.Cleanup(func() { _ = j.release() })
	for _, event := range events {
		j.emit(event, time.Now().UTC(), nil)
	}
	return e
}

// created leaves the task's container, which was not started.
func (e *earlier) created() *earlier {
	e.rig.t.Helper()
	stage := containerStage{engine: e.rig.engine, worker: workerFacts{ID: "w1"}, logConfig: dockerapi.LogConfig{Type: "local"}}
	parsed, err := task.Parse(e.delivery.Body, task.Policy{})
	if err != nil {
		e.rig.t.Fatal(err)
	}
	run := &Run{TaskID: "t1", Attempt: 1, Task: parsed, delivery: e.delivery}
	stage.configure(run)
	run.Container.Image = imageOfTool
	name := containerName("w1", "t1", 1)
	e.container = newFakeContainer(e.rig.engine, name, run.Container)
	e.rig.engine.containers[name] = e.container
	return e
}

// started leaves it running.
func (e *earlier) started() *earlier {
	e.rig.engine.mu.Lock()
	defer e.rig.engine.mu.Unlock()
	e.container.start()
	return e
}

// recently says that the container was started after this host was, whose clock is ahead of a bubble's.
func (e *earlier) recently() *earlier {
	e.rig.engine.mu.Lock()
	defer e.rig.engine.mu.Unlock()
	e.container.state.StartedAt = time.Now().AddDate(100, 0, 0)
	return e
}

// decided leaves a verdict.
func (e *earlier) decided(out Outcome) *earlier {
	e.journal.decide(verdictRecord{Outcome: out, Image: imageFact{Reference: "tool:latest", ID: imageOfTool}, Metadata: json.RawMessage(`{"n":1}`)})
	return e
}

// Negotiate finds the same engine again.
func (e *fakeEngine) Negotiate(ctx context.Context) (dockerapi.Negotiated, error) {
	return dockerapi.Negotiated{APIVersion: "1.41", Warning: e.warning}, e.enter(ctx, onNegotiate)
}
