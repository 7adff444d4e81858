//go:build integration

package amqp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestWorkerComesBack(t *testing.T) {
	bothTypes(t, func(t *testing.T, classic bool) {
		d, _ := testDialer(t, Config{})
		q := taskQueue(t, classic)
		cfg := LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: classic}
		first := leases(t, d, cfg)
		stop := start(t, first.Run)
		brokertest.Publish(t, brokertest.URL(), q, numbered(5)...)
		for range 3 {
			mustClaim(t, first, 1)
		}
		stop()
		second := leases(t, d, cfg)
		start(t, second.Run)
		got := make(map[string]bool)
		for _, m := range mustReclaim(t, second) {
			got[m.MessageID] = true
			if m.Headers["attempt"] != int32(1) || m.Headers[claimHeader] != nil || m.Queue != q {
				t.Errorf("reclaimed %+v", m.Message)
			}
			if time.Until(m.Deadline()) < 30*time.Second {
				t.Errorf("deadline %s: it was not renewed", m.Deadline())
			}
			if err := m.Ack(soon(t)); err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff(map[string]bool{"0": true, "1": true, "2": true}, got); diff != "" {
			t.Error(diff)
		}
		for range 2 {
			if err := mustClaim(t, second, 1).Ack(soon(t)); err != nil {
				t.Error(err)
			}
		}
		awaitCount(t, brokertest.URL(), q, 0)
		awaitCount(t, brokertest.URL(), second.cfg.claimsQueue(), 0)
	})
}

func TestWorkerDoesNotComeBack(t *testing.T) {
	bothTypes(t, func(t *testing.T, classic bool) {
		d, _ := testDialer(t, Config{})
		q := taskQueue(t, classic)
		first := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Lease: 2 * time.Second, Classic: classic})
		stop := start(t, first.Run)
		brokertest.Publish(t, brokertest.URL(), q, numbered(2)...)
		deadline := time.Time{}
		for range 2 {
			deadline = mustClaim(t, first, 1).Deadline()
		}
		stop()
		other := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: classic})
		start(t, other.Run)
		for range 2 {
			m := mustClaim(t, other, 2)
			if time.Now().Before(deadline) {
				t.Error("somebody else had the message before the first worker's deadline")
			}
			if m.Headers["attempt"] != int32(1) { // of the message as it came
				t.Errorf("headers %v", m.Headers)
			}
			if err := m.Ack(soon(t)); err != nil {
				t.Error(err)
			}
		}
		awaitCount(t, brokertest.URL(), first.cfg.claimsQueue(), 0)
	})
}

func TestSecondWorkerWithTheSameID(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := taskQueue(t, true)
	cfg := LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: true}
	first := leases(t, d, cfg)
	stop := start(t, first.Run)
	mustReclaim(t, first)
	second := leases(t, d, cfg)
	start(t, second.Run)
	if _, err := second.Reclaimed(soon(t)); !IsLocked(err) {
		t.Errorf("second worker: %v, want that the id is locked", err)
	}
	stop()
	brokertest.Wait(t, patience, "the second worker has the id", func() bool {
		_, err := second.Reclaimed(soon(t))
		return err == nil
	})
}

func TestVanishedClaimIsPutBack(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := taskQueue(t, true)
	c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: true})
	start(t, c.Run)
	brokertest.Publish(t, brokertest.URL(), q, numbered(1)...)
	m := mustClaim(t, c, 1)
	if _, err := brokertest.Channel(t, brokertest.URL()).QueueDelete(c.cfg.claimsQueue(), false, false, false); err != nil {
		t.Fatal(err)
	}
	brokertest.Wait(t, patience, "the claims queue is there again", func() bool {
		return brokertest.Count(t, brokertest.URL(), c.cfg.claimsQueue()) >= 0
	})
	if err := m.Requeue(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := mustReceive(t, c).Ack(soon(t)); err != nil {
		t.Fatal(err)
	}
	if c.store.healed != 1 {
		t.Errorf("%d claims were put back, want 1", c.store.healed)
	}
}

func TestBarrierThatWasLeftBehindIsNoTask(t *testing.T) {
	d, _ := testDialer(t, Config{})
	q := taskQueue(t, true)
	barrier := amqp091.Publishing{Headers: amqp091.Table{barrierHeader: "x"}}
	brokertest.Publish(t, brokertest.URL(), q, barrier, amqp091.Publishing{MessageId: "a"}, barrier, amqp091.Publishing{MessageId: "b"})
	held := NewConsumer(d, ConsumerConfig{Queue: q})
	stop := start(t, held.Run)
	m := mustReceive(t, held)
	if m.MessageID != "a" {
		t.Errorf("received %q", m.MessageID)
	}
	if err := m.Ack(soon(t)); err != nil {
		t.Error(err)
	}
	stop()
	c := leases(t, d, LeaseConfig{Queue: q, WorkerID: brokertest.Name(t), Classic: true})
	start(t, c.Run)
	if m := mustClaim(t, c, 1); m.MessageID != "b" {
		t.Errorf("received %q", m.MessageID)
	}
}
