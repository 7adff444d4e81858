package amqp

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// testStore has one claim, taken now, and no connection.
func testStore(t *testing.T) (*claimStore, *lease) {
	t.Helper()
	cfg, err := LeaseConfig{Queue: "q", WorkerID: "w", Lease: time.Minute}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s := newClaimStore(cfg, &session{log: slog.New(slog.DiscardHandler)})
	l := &lease{id: "a", claim: &leaseClaim{store: s, ended: make(chan struct{})}, taken: make(chan struct{})}
	l.claim.lease = l
	if err := s.add(l); err != nil {
		t.Fatal(err)
	}
	s.renewedAt([]renewal{{lease: l, sequence: 1}}, time.Now())
	s.arrive(copyDelivery("a", 1, 7))
	return s, l
}

func copyDelivery(id string, sequence int64, tag uint64) amqp091.Delivery {
	return amqp091.Delivery{DeliveryTag: tag, Headers: amqp091.Table{claimHeader: id, sequenceHeader: sequence}}
}

func TestFenceAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := testStore(t)
		begin := time.Now()
		done := make(chan struct{})
		go func() { defer close(done); s.fence(t.Context()) }()
		<-l.claim.ended
		took := time.Since(begin)
		if took < 54*time.Second || took > 56*time.Second {
			t.Errorf("lost after %s, want the lease less a tenth", took)
		}
		if err := s.settle(t.Context(), l, settlement{}); !errors.Is(err, ErrLost) {
			t.Errorf("settle: %v, want ErrLost", err)
		}
		if got := s.takeOrphans(); len(got) != 1 || got[0] != 7 {
			t.Errorf("held copies to give back: %v, want that of the claim", got)
		}
	})
}

func TestFenceTellsAWaitingSettlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := testStore(t)
		go s.fence(t.Context())
		if err := s.settle(t.Context(), l, settlement{}); !errors.Is(err, ErrLost) {
			t.Errorf("settle: %v, want ErrLost", err)
		}
	})
}

func TestNoFenceWhileTheBrokerBlocksAndLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := testStore(t)
		conn := &connection{raw: &hearing{}, heartbeat: 10 * time.Second, confirmTimeout: time.Hour}
		conn.refusing.Store(true)
		s.attach(conn)
		ctx := t.Context()
		go s.fence(ctx)
		for range 60 { // ten minutes of heartbeats
			conn.raw.heardNow()
			if err := pause(ctx, 10*time.Second); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-l.claim.ended:
			t.Fatal("lost although it is held")
		default:
		}
		begin := time.Now()
		<-l.claim.ended // silence
		if took := time.Since(begin); took > 22*time.Second {
			t.Errorf("fenced after %s of silence, want two heartbeats", took)
		}
	})
}

func TestNoFenceInTheMomentOfUnblocking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := testStore(t)
		conn := &connection{raw: &hearing{}, heartbeat: 10 * time.Second, confirmTimeout: time.Hour}
		conn.refusing.Store(true)
		s.attach(conn)
		if err := pause(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		conn.raw.heardNow()
		conn.unblocked.Store(time.Now().UnixNano())
		conn.refusing.Store(false)
		s.fenceAt(time.Now())
		if l.lost {
			t.Error("lost before it could be renewed")
		}
		if err := pause(t.Context(), 20*time.Second); err != nil {
			t.Fatal(err)
		}
		conn.raw.heardNow()
		s.fenceAt(time.Now())
		if !l.lost {
			t.Error("not lost although nothing was renewed for so long")
		}
	})
}

func TestPassedByEitherClock(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		now, deadline time.Time
		want          bool
	}{
		"before": {now, now.Add(time.Second), false},
		"after":  {now, now.Add(-time.Second), true},
		"wall":   {now, now.Round(0).Add(-time.Second), true},
	} {
		if got := passed(tc.now, tc.deadline); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestArrivals(t *testing.T) {
	s, l := testStore(t)
	s.reclaimed = nil
	close(s.reconciled)
	if _, v := s.arrive(copyDelivery("a", 0, 8)); v != copyStale {
		t.Errorf("an older copy: %v, want stale", v)
	}
	if old, v := s.arrive(copyDelivery("a", 2, 9)); v != copyOurs || old != 7 || l.tag != 9 {
		t.Errorf("a newer copy: %v, replaces %d, holds %d", v, old, l.tag)
	}
	if _, v := s.arrive(copyDelivery("b", 1, 10)); v != copyForeign {
		t.Errorf("a claim that is not known: %v, want foreign", v)
	}
	if _, v := s.arrive(amqp091.Delivery{}); v != copyForeign {
		t.Errorf("a message without a claim: %v, want foreign", v)
	}
	s.drop(l)
	if l.want == nil {
		t.Error("a held copy that was dropped is not acknowledged")
	}
}

func TestAbsentAfterTheBarrier(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		prepare func(*lease)
		lost    bool
		publish bool
		settled bool
	}{
		"within its lease": {func(l *lease) {}, false, true, false},
		"over":             {func(l *lease) { l.renewed = now.Add(-time.Minute) }, true, false, false},
		"being settled":    {func(l *lease) { l.want = &settlement{tried: true, done: make(chan struct{})} }, false, false, true},
		"to be settled":    {func(l *lease) { l.want = &settlement{done: make(chan struct{})} }, false, true, false},
		"not taken yet":    {func(l *lease) { l.isTaken = false }, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, l := testStore(t)
			s.detach()
			tc.prepare(l)
			s.settleAbsent(now)
			if l.lost != tc.lost || l.publish != tc.publish || (s.leases["a"] == nil) != (tc.lost || tc.settled) {
				t.Errorf("lost %v, publish %v, in the table %v", l.lost, l.publish, s.leases["a"] != nil)
			}
		})
	}
}
