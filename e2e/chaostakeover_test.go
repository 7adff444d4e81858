//go:build integration

package e2e

import (
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosWorkerKilledForGood kills a worker that does not come back for a long time. Another one gets its tasks when
// the lease is over, and not before; and the one that comes back at last removes the containers that are not its own any
// more.
func TestChaosWorkerKilledForGood(t *testing.T) {
	t.Parallel()
	lease := sized(10*time.Second, 30*time.Second)
	s := newSite(t, brokertest.URL())
	other := s.beside(t, "other")
	l, engine := s.listen(t), watchEngine(t, "")
	flags := []string{"--capacity", "2", "--lease", lease.String()}
	p := s.start(t, flags...)
	var ids []string
	want := map[string][]string{}
	for range 2 {
		id := taskID(t)
		s.submit(t, shell(id, `echo "attempt $ATTEMPT"; [ "$ATTEMPT" = 2 ] || exec sleep 600`))
		l.awaitType(t, "task.started", id)
		ids, want[id] = append(ids, id), []string{"2 completed"}
	}
	second := other.start(t, flags...)
	killed := time.Now()
	p.kill()

	for _, id := range ids {
		again := l.await(t, "the second attempt", func(e event) bool { return e.Type == "task.claimed" && e.TaskID == id && e.Attempt == 2 })
		// The last renewal was a quarter of the lease before the kill, or less.
		if waited := again.Time.Sub(killed); waited < lease/2 || again.WorkerID != other.worker {
			t.Errorf("%s was claimed by %s %v after the kill, with a lease of %v", id, again.WorkerID, waited, lease)
		} else {
			t.Logf("%s was claimed again %v after the kill, with a lease of %v", id, waited.Round(time.Millisecond), lease)
		}
		l.outcome(t, id, 2)
		if _, _, text := l.log(id, 2); text != "attempt 2\n" {
			t.Errorf("the log of the second attempt: %q", text)
		}
	}
	if left := containers(t, "", s.worker); len(left) != len(ids) {
		t.Errorf("containers of the dead worker: %v; nobody should have touched them", left)
	}

	p = s.start(t, flags...)
	for _, id := range ids {
		runs := engine.ended(t, id, 2)
		if runs[0].worker != s.worker || runs[1].worker != other.worker {
			t.Errorf("%s ran as %v", id, runs)
		}
	}
	if said := p.log.lines("removing what was left behind"); len(said) < len(ids) {
		t.Errorf("said about leftovers: %v", said)
	}
	p.drain(t)
	second.drain(t)
	counts{}.check(t, l, want)
	s.checkEmpty(t)
	other.checkEmpty(t)
}
