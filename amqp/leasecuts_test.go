//go:build integration

package amqp

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestRenewalsSurviveCuts kills the connections in random moments of hot renewal: afterwards each claim is there once.
func TestRenewalsSurviveCuts(t *testing.T) {
	bothTypes(t, func(t *testing.T, classic bool) {
		const claims, cuts = 5, 100
		proxy := brokertest.NewProxy(t, brokertest.URL())
		d, changes := testDialer(t, Config{
			URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
		})
		q := taskQueue(t, classic)
		c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: classic})
		c.store.renewEvery = time.Millisecond
		stop := start(t, c.Run)
		brokertest.Publish(t, brokertest.URL(), q, numbered(claims)...)
		var held []*Delivery
		for range claims {
			held = append(held, mustClaim(t, c, 1))
		}
		for i := range cuts {
			awaitRenewals(t, held[i%claims], 1+i%7)
			proxy.Cut()
			changes.await(t, "claims", Connected, i+2)
		}
		for _, m := range held {
			select {
			case <-m.Lost():
				t.Errorf("claim %s is lost", m.MessageID)
			default:
			}
		}
		stop()
		if c.store.healed != 0 {
			t.Errorf("%d claims had to be put back: the renewals lost them", c.store.healed)
		}
		awaitCount(t, brokertest.URL(), c.cfg.claimsQueue(), claims)
		awaitCount(t, brokertest.URL(), q, 0)
		again := leases(t, d, LeaseConfig{Queue: q, WorkerID: c.cfg.WorkerID, Classic: classic})
		start(t, again.Run)
		mustBeThereOnce(t, mustReclaim(t, again), claims)
		awaitCount(t, brokertest.URL(), c.cfg.claimsQueue(), 0)
	})
}

// TestRenewalsSurviveDeath is the same for workers that die with their connection and so with all that they knew: the
// next one has nothing but what the broker kept.
func TestRenewalsSurviveDeath(t *testing.T) {
	bothTypes(t, func(t *testing.T, classic bool) {
		const claims, deaths = 5, 50
		proxy := brokertest.NewProxy(t, brokertest.URL())
		d, _ := testDialer(t, Config{
			URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
		})
		q := taskQueue(t, classic)
		cfg := LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: classic}
		live := func() (*LeaseConsumer, func()) {
			c := leases(t, d, cfg)
			c.store.renewEvery = time.Millisecond
			return c, start(t, c.Run)
		}
		c, stop := live()
		brokertest.Publish(t, brokertest.URL(), q, numbered(claims)...)
		var held []*Delivery
		for range claims {
			held = append(held, mustClaim(t, c, 1))
		}
		for i := range deaths {
			awaitRenewals(t, held[i%claims], 1+i%7)
			proxy.Refuse(true)
			proxy.Cut()
			stop()
			proxy.Refuse(false)
			c, stop = live()
			brokertest.Wait(t, patience, "the broker has noticed the death", func() bool {
				var err error
				held, err = c.Reclaimed(soon(t))
				return !IsLocked(err)
			})
			if len(held) != claims {
				t.Fatalf("after death %d: %d claims are there, want %d", i+1, len(held), claims)
			}
		}
		mustBeThereOnce(t, held, claims)
		awaitCount(t, brokertest.URL(), c.cfg.claimsQueue(), 0)
		awaitCount(t, brokertest.URL(), q, 0)
	})
}

// awaitRenewals lets a random time pass: so many renewals, and what there is of the next.
func awaitRenewals(t *testing.T, d *Delivery, n int) {
	t.Helper()
	last := d.Deadline()
	for range n {
		brokertest.Wait(t, patience, "the claim is renewed", func() bool { return d.Deadline().After(last) })
	}
}

// mustBeThereOnce settles the claims of the first n numbered messages.
func mustBeThereOnce(t *testing.T, claims []*Delivery, n int) {
	t.Helper()
	got, want := make(map[string]int), make(map[string]int)
	for i := range n {
		want[fmt.Sprint(i)] = 1
	}
	for _, m := range claims {
		got[m.MessageID]++
		if err := m.Ack(soon(t)); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWorkSurvivesCuts takes, claims and settles while connections are killed. Every message is settled at least once,
// none twice by a worker that thought that it was its own for the whole time, and nothing is left.
func TestWorkSurvivesCuts(t *testing.T) {
	const n = 150
	proxy := brokertest.NewProxy(t, brokertest.URL())
	d, _ := testDialer(t, Config{
		URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
	})
	q := taskQueue(t, false)
	c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t)})
	start(t, c.Run)
	brokertest.Publish(t, brokertest.URL(), q, numbered(n)...)
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	settled := make(chan string)
	for range 3 {
		go func() {
			for {
				m, err := c.Receive(ctx)
				if err != nil {
					return
				}
				if err := m.Claim(ctx, map[string]any{"attempt": int32(1)}); err != nil {
					if !errors.Is(err, ErrLost) && ctx.Err() == nil {
						t.Errorf("claim: %v", err)
					}
					continue
				}
				if err := m.Ack(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("ack: %v", err)
				}
				select {
				case settled <- m.MessageID:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	count := make(map[string]int)
	for i := 0; len(count) < n; i++ {
		select {
		case id := <-settled:
			count[id]++
		case <-ctx.Done():
			t.Fatalf("%d of %d were settled", len(count), n)
		}
		if i%15 == 7 {
			proxy.Cut()
		}
	}
	twice := 0
	for _, k := range count {
		twice += k - 1
	}
	t.Logf("%d connections; %d messages came again, because the acknowledgement of the original was cut off", proxy.Connections(), twice)
	awaitCount(t, brokertest.URL(), q, 0)
	awaitCount(t, brokertest.URL(), c.cfg.claimsQueue(), 0)
}
