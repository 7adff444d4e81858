//go:build integration

package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// adopted is what a worker logs for each container that it takes over from an earlier process.
const adopted = "going on with a container of an earlier process"

// TestChaosWorkerKilledAtAnyMoment kills the worker again and again, at any moment of its life and of its tasks, while a
// new one follows under the same id: none of the tasks notices.
func TestChaosWorkerKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	kills := sized(8, 40)
	s := newSite(t, brokertest.URL())
	l, engine := s.listen(t), watchEngine(t, "")
	tasks, taken := counts{}, 0
	for n := range kills {
		for brokertest.Count(t, s.broker, s.queue) < 4 {
			s.submit(t, tasks.add(t, 20+rand.IntN(41)))
		}
		p := s.launch(t, "--capacity", "3", "--lease", "1m")
		if n%2 == 0 { // every other one dies at work; the rest may die while it starts
			p.log.await(t, "taking tasks", p.ended)
		}
		<-time.After(rand.N(4 * time.Second)) // any moment: this is what is tested
		p.kill()
		taken += len(p.log.lines(adopted))
	}
	p := s.start(t, "--capacity", "3", "--lease", "1m")
	tasks.await(t, l, 1)
	p.drain(t)
	taken += len(p.log.lines(adopted))

	tasks.check(t, l, tasks.completed(1))
	engine.once(t, tasks)
	s.checkEmpty(t)
	t.Logf("%d kills, %d tasks, %d times a running container was taken over, %d messages came twice and were dropped by their id", kills, len(tasks), taken, len(l.repeats))
	if taken == 0 {
		t.Error("no container was taken over: the kills have shown nothing")
	}
}

// TestChaosWorkerKilledAtEveryStep kills the worker right after it has told how far it is with a task.
func TestChaosWorkerKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l, engine := s.listen(t), watchEngine(t, "")
	tasks := counts{}
	p := s.start(t)
	for range sized(1, 5) {
		for _, step := range []string{"task.claimed", "task.preparing", "task.started", "task.log", "task.completed"} {
			task := tasks.add(t, 15)
			s.submit(t, task)
			if step == "task.log" {
				brokertest.Wait(t, 2*patience, "a piece of the log has come", func() bool {
					n, _, _ := l.log(task.MessageId, 1)
					return n > 0
				})
			} else {
				l.awaitType(t, step, task.MessageId)
			}
			p.kill()
			p = s.start(t)
			l.outcome(t, task.MessageId, 1)
		}
	}
	p.drain(t)
	tasks.check(t, l, tasks.completed(1))
	engine.once(t, tasks)
	s.checkEmpty(t)
}
