//go:build integration

package amqp

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestControl(t *testing.T) {
	proxy := brokertest.NewProxy(t, brokertest.URL())
	d, changes := testDialer(t, Config{URLs: []string{brokertest.WithHost(t, brokertest.URL(), proxy.Host())}})
	direct, _ := testDialer(t, Config{})
	exchange := brokertest.Name(t)
	brokertest.DeleteExchange(t, brokertest.URL(), exchange)
	heard := make(chan Order, 10)
	c := NewControl(d, ControlConfig{WorkerID: brokertest.Name(t), Exchange: exchange, Handle: func(_ context.Context, o Order) { heard <- o }})
	start(t, c.Run)
	changes.await(t, "control", Connected, 1)
	s := newTestSubmitter(t, direct)

	expect := func(o Order) {
		t.Helper()
		if err := s.Send(soon(t), exchange, o); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		select {
		case got := <-heard:
			got.Body = nil
			if diff := cmp.Diff(o, got); diff != "" {
				t.Error(diff)
			}
		case <-soon(t).Done():
			t.Fatalf("%+v was not heard", o)
		}
	}
	nobody := func(o Order) {
		t.Helper()
		if err := s.Send(soon(t), exchange, o); !errors.Is(err, ErrUnroutable) {
			t.Errorf("%+v: %v, want that nobody hears it", o, err)
		}
	}

	expect(Order{Command: DrainWorker, ID: c.cfg.WorkerID})
	expect(Order{Command: RememberTask, ID: "t1"})
	nobody(Order{Command: DrainWorker, ID: "another"})
	nobody(Order{Command: CancelTask, ID: "t1"})
	release := c.Watch(soon(t), "t1")
	twice := c.Watch(soon(t), "t1")
	expect(Order{Command: CancelTask, ID: "t1"})
	twice(soon(t))
	expect(Order{Command: CancelTask, ID: "t1"})

	proxy.Refuse(true)
	proxy.Cut()
	changes.await(t, "control", Lost, 1)
	other := c.Watch(soon(t), "t2") // while the connection is down
	proxy.Refuse(false)
	changes.await(t, "control", Connected, 2)
	expect(Order{Command: CancelTask, ID: "t1"})
	expect(Order{Command: CancelTask, ID: "t2"})
	release(soon(t))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	other(ended) // must not cost the connection, and takes effect
	brokertest.Wait(t, patience, "the binding is gone", func() bool {
		return errors.Is(s.Send(soon(t), exchange, Order{Command: CancelTask, ID: "t2"}), ErrUnroutable)
	})
	for len(heard) > 0 {
		<-heard
	}
	nobody(Order{Command: CancelTask, ID: "t1"})
	nobody(Order{Command: CancelTask, ID: "t2"})
}

func TestSendToAbsentExchange(t *testing.T) {
	d, _ := testDialer(t, Config{})
	s := newTestSubmitter(t, d)
	if err := s.Send(soon(t), "no-such-exchange", Order{Command: CancelTask, ID: "x"}); !IsNoExchange(err) {
		t.Errorf("error %v, want that the exchange is absent", err)
	}
	if err := s.Send(soon(t), "", Order{Command: CancelTask}); err == nil {
		t.Error("an order without an id was sent")
	}
}
