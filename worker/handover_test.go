package worker

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// slowClaim settles when it is told to.
type slowClaim struct {
	*fakeClaim
	entered, finish chan struct{}
}

func (c slowClaim) Done(ctx context.Context) error {
	close(c.entered)
	<-c.finish
	return c.fakeClaim.Done(ctx)
}

// A process that leaves its tasks to the next one cuts no settlement in two, and settles nothing after.
func TestLeave(t *testing.T) {
	w := &Worker{}
	q := newFakeQueue(t)
	slow := slowClaim{q.claim(), make(chan struct{}), make(chan struct{})}
	go func() { _ = careful{slow, &w.handover}.Done(t.Context()) }()
	<-slow.entered
	left := make(chan struct{})
	go func() { w.Leave(); close(left) }()
	select {
	case <-left:
		t.Error("it has left in the middle of a settlement")
	default:
	}
	close(slow.finish)
	<-left
	if how := slow.how(); how != "done" {
		t.Errorf("the claim between two hands is settled by %q", how)
	}
	late := q.claim()
	settled := make(chan error)
	go func() { settled <- careful{late, &w.handover}.GiveBack(t.Context()) }()
	select {
	case <-settled:
		t.Error("a claim was settled by a process that has left")
	default:
	}
	w.handover.Unlock() // no process does that; the test must end
	if err := <-settled; err != nil {
		t.Error(err)
	}
}

// A careful claim is the claim itself, step by step.
func TestCarefulClaim(t *testing.T) {
	var got []string
	q := newFakeQueue(t)
	for _, settle := range []func(Claim) error{
		func(c Claim) error { return c.Done(t.Context()) },
		func(c Claim) error { return c.DeadLetter(t.Context()) },
		func(c Claim) error { return c.Retry(t.Context(), 3) },
		func(c Claim) error { return c.GiveBack(t.Context()) },
	} {
		c := q.claim()
		safe := careful{c, new(handover)}
		if err := safe.Hold(t.Context(), 3); err != nil || c.held != 3 {
			t.Errorf("hold: %v, attempt %d", err, c.held)
		}
		if err := settle(safe); err != nil {
			t.Error(err)
		}
		got = append(got, c.how())
	}
	if diff := cmp.Diff([]string{"done", "dead-letter", "retry 3", "give back"}, got); diff != "" {
		t.Error(diff)
	}
}
