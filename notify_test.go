package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/worker"
)

// TestSupervisorHears sends what a worker has to say in its life to sockets of both kinds that systemd makes.
func TestSupervisorHears(t *testing.T) {
	for name, address := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@docker-worker-test-" + rand.Text(),
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			var log bytes.Buffer
			s := newSupervisor(address, slog.New(slog.NewTextHandler(&log, nil)))

			s.status("waiting for the broker")
			s.ready("taking tasks from builds\nREADY=0")
			s.stopping()

			want := []string{
				"STATUS=waiting for the broker",
				"READY=1\nSTATUS=taking tasks from builds READY=0", // a text cannot smuggle in an assignment
				"STOPPING=1\nSTATUS=stopped",
			}
			if diff := cmp.Diff(want, receive(t, listener, len(want))); diff != "" {
				t.Errorf("datagrams (-want +got):\n%s", diff)
			}
			if log.Len() > 0 {
				t.Errorf("logged: %s", log.String())
			}
		})
	}
}

// TestSupervisorAbsent: nobody asked, nobody answers, or a kind of address that this program does not know.
func TestSupervisorAbsent(t *testing.T) {
	for name, tt := range map[string]struct{ socket, logged string }{
		"nobody":      {"", ""},
		"no listener": {filepath.Join(t.TempDir(), "gone"), "cannot tell the supervisor"},
		"vsock":       {"vsock:2:1234", "neither a path nor an abstract socket"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			newSupervisor(tt.socket, slog.New(slog.NewTextHandler(&log, nil))).ready("taking tasks")
			if got := log.String(); (got == "") != (tt.logged == "") || !strings.Contains(got, tt.logged) {
				t.Errorf("logged %q, want %q", got, tt.logged)
			}
		})
	}
}

// receive reads n datagrams. Unix datagrams are there when the sender returns; the deadline is for a test that fails.
func receive(t *testing.T, listener *net.UnixConn, n int) []string {
	t.Helper()
	if err := listener.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var got []string
	buffer := make([]byte, 4096)
	for range n {
		size, err := listener.Read(buffer)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, string(buffer[:size]))
	}
	return got
}

// TestReadyWithFirstEvent: ready is what a confirmed event proves, and it is said once.
func TestReadyWithFirstEvent(t *testing.T) {
	var said int
	results := []error{errors.New("not confirmed"), nil, nil}
	events := &announcing{
		Publisher: publisherFunc(func() error { err := results[0]; results = results[1:]; return err }),
		ready:     func() { said++ },
	}
	for n, want := range []int{0, 1, 1} {
		_ = events.Publish(t.Context(), worker.Message{})
		if said != want {
			t.Errorf("after event %d: ready was said %d times, want %d", n, said, want)
		}
	}
}

type publisherFunc func() error

func (f publisherFunc) Publish(context.Context, ...worker.Message) error { return f() }
