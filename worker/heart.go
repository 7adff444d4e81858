package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"time"
)

// workerEnvelope is what every event about the worker itself holds.
type workerEnvelope struct {
	Version  int              `json:"version"`
	Event    EventType        `json:"event"`
	WorkerID string           `json:"workerId"`
	Sequence int64            `json:"sequence"`
	Time     time.Time        `json:"time"`
	Type     string           `json:"workerType,omitempty"`
	Queue    string           `json:"queue"`
	Program  string           `json:"programVersion"`
	Capacity int              `json:"capacity"`
	Running  []string         `json:"running"` // task ids
	Resolved map[Reason]int64 `json:"resolved"`
	Host     hostFacts        `json:"host"`
}

// hostFacts tell what the worker runs on, by its engine's word.
type hostFacts struct {
	Name            string `json:"name"`
	OperatingSystem string `json:"operatingSystem"`
	Architecture    string `json:"architecture"`
	CPUs            int    `json:"cpus"`
	MemoryBytes     int64  `json:"memoryBytes"`
	EngineVersion   string `json:"engineVersion"`
	APIVersion      string `json:"apiVersion"`
	EngineOutages   int64  `json:"engineOutages"`           // how often it was away since the worker started
	EngineWarning   string `json:"engineWarning,omitempty"` // why its API version is a makeshift
}

// heart tells that the worker lives. An event that cannot be published within a beat is dropped: the next one says more.
type heart struct {
	worker   *Worker
	boot     string
	sequence int64
	draining chan struct{}
	end      chan struct{}
	done     chan struct{}
	giveUp   context.CancelCauseFunc
}

// goodbye is how long a worker that has no more to do tries to say so.
const goodbye = 3 * time.Second

// startHeart publishes worker.started and then beats, in a goroutine that stop ends.
func (w *Worker) startHeart(ctx context.Context) *heart {
	h := &heart{worker: w, boot: NewID(), draining: make(chan struct{}), end: make(chan struct{}), done: make(chan struct{})}
	ctx, h.giveUp = context.WithCancelCause(context.WithoutCancel(ctx))
	go h.beat(ctx)
	return h
}

// drain says that no new task is taken.
func (h *heart) drain() { close(h.draining) }

// stop says that the worker is gone, and returns when that is published or given up.
func (h *heart) stop() {
	close(h.end)
	late := time.AfterFunc(goodbye, func() { h.giveUp(fmt.Errorf("not confirmed %v after the end", goodbye)) })
	<-h.done
	late.Stop()
	h.giveUp(nil)
}

func (h *heart) beat(ctx context.Context) {
	defer close(h.done)
	ticker := time.NewTicker(h.worker.cfg.Heartbeat)
	defer ticker.Stop()
	h.publish(ctx, WorkerStarted)
	draining := h.draining
	for {
		select {
		case <-ticker.C:
			h.publish(ctx, WorkerHeartbeat)
		case <-draining:
			draining = nil
			h.publish(ctx, WorkerDraining)
		case <-h.end:
			if draining != nil { // it ended while a beat was published
				h.publish(ctx, WorkerDraining)
			}
			h.publish(ctx, WorkerStopped)
			return
		}
	}
}

func (h *heart) publish(ctx context.Context, event EventType) {
	w := h.worker
	limit := min(w.cfg.Heartbeat, flushBudget)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not confirmed within %v", limit))
	defer cancel()
	h.sequence++
	now := time.Now().UTC()
	outages, makeshift := w.gate.health()
	body, err := json.Marshal(workerEnvelope{
		Version:  eventVersion,
		Event:    event,
		WorkerID: w.cfg.ID,
		Sequence: h.sequence,
		Time:     now,
		Type:     w.cfg.Type,
		Queue:    w.cfg.Queue,
		Program:  w.cfg.Version,
		Capacity: w.cfg.Capacity,
		Running:  append([]string{}, w.tasks.ids()...),
		Resolved: w.counters.snapshot(),
		Host: hostFacts{
			Name:            w.facts.Host,
			OperatingSystem: w.engine.OperatingSystem,
			Architecture:    runtime.GOARCH,
			CPUs:            w.engine.NCPU,
			MemoryBytes:     w.engine.MemTotal,
			EngineVersion:   w.engine.ServerVersion,
			APIVersion:      w.cfg.Engine.APIVersion(),
			EngineOutages:   outages,
			EngineWarning:   makeshift,
		},
	})
	if err != nil {
		panic(fmt.Sprintf("worker: encode %s: %v", event, err)) // our own struct of plain fields
	}
	if err := w.cfg.Events.Publish(ctx, workerMessage(event, w.cfg.ID, h.boot, h.sequence, now, body)); err != nil {
		w.logger.Warn("cannot publish an event about the worker", "event", event, "error", err)
	}
}
