package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/worker"
)

// notifyTimeout bounds the sending of one datagram; the kernel blocks it only while the receiver's queue is full.
const notifyTimeout = time.Second

// supervisor is the program that watches over this one and wants to know how it is: systemd, for a unit of
// Type=notify. It speaks the protocol of sd_notify(3): lines of NAME=VALUE in one datagram to the socket that
// $NOTIFY_SOCKET names. Its zero value is nobody, who is told nothing.
//
// There is no WATCHDOG=1. A goroutine that sends it on time shows that the Go scheduler lives, not that tasks are
// taken; and what would show that, a confirmed heartbeat, fails with the broker, which is no reason to kill the worker.
type supervisor struct {
	socket string // a path, or an abstract name after an @
	log    *slog.Logger
}

func newSupervisor(socket string, logger *slog.Logger) supervisor {
	return supervisor{socket: socket, log: logger}
}

// ready says that the start is complete, and what the worker does now: the Status line of systemctl status.
func (s supervisor) ready(status string) { s.tell("READY=1", "STATUS="+oneLine(status)) }

// status says what the worker does now.
func (s supervisor) status(status string) { s.tell("STATUS=" + oneLine(status)) }

// stopping says that nothing runs any more and the process ends. It is not for a drain: systemd, once told so, runs no
// ExecStop for this process, and a power-off could not hurry it.
func (s supervisor) stopping() { s.tell("STOPPING=1", "STATUS=stopped") }

// tell is never an error of the caller's: a worker that nobody watches works all the same.
func (s supervisor) tell(lines ...string) {
	if s.socket == "" {
		return
	}
	if err := notify(s.socket, strings.Join(lines, "\n")); err != nil {
		s.log.Warn("cannot tell the supervisor", "error", err)
	}
}

// notify sends one datagram to a unix socket. systemd believes the main process of a unit alone, and knows it by the
// credentials that the kernel adds.
func notify(socket, state string) error {
	if socket[0] != '/' && socket[0] != '@' {
		return fmt.Errorf("notify %q: neither a path nor an abstract socket", socket)
	}
	// The net package takes a leading @ for the zero byte of an abstract name, as systemd means it.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTimeout)); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// oneLine keeps a text from being read as further assignments.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// announcing passes events on, and tells the supervisor when the first is confirmed, which is worker.started: by then
// queue, engine and exchange have answered.
type announcing struct {
	worker.Publisher
	ready func()
	once  sync.Once
}

func (a *announcing) Publish(ctx context.Context, messages ...worker.Message) error {
	err := a.Publisher.Publish(ctx, messages...)
	if err == nil {
		a.once.Do(a.ready)
	}
	return err
}
