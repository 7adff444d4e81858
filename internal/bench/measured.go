package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// measured is a worker process under measurement, and the client that sends it tasks.
type measured struct {
	process  *exec.Cmd
	conn     *amqp091.Connection
	channel  *amqp091.Channel
	queue    string
	outcomes <-chan amqp091.Delivery
	dir      string
	sent     int
	task     string // its JSON
	outcome  string // the event that it ends with
}

// startWorker makes a queue of its own, starts the worker on it, and listens to the outcomes alone. lease
// is as the flag has it.
func startWorker(ctx context.Context, url, binary string, capacity int, lease string) (w *measured, err error) {
	w = &measured{queue: fmt.Sprintf("docker-worker.bench.%d.%d.%s", os.Getpid(), capacity, lease)}
	w.task, w.outcome = `{"image": "`+image+`", "command": ["true"]}`, "task.completed"
	defer func() {
		if err != nil {
			w.stop()
		}
	}()
	if w.conn, err = amqp091.Dial(url); err != nil {
		return w, fmt.Errorf("connect to the broker: %w", err)
	}
	if w.channel, err = w.conn.Channel(); err != nil {
		return w, err
	}
	if _, err = w.channel.QueueDeclare(w.queue, true, false, false, false, amqp091.Table{"x-queue-type": "quorum"}); err != nil {
		return w, err
	}
	const exchange = "docker-worker.events"
	if err = w.channel.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
		return w, err
	}
	results, err := w.channel.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return w, err
	}
	for _, event := range []string{"completed", "failed", "exception"} {
		if err = w.channel.QueueBind(results.Name, "task."+event+".*", exchange, false, nil); err != nil {
			return w, err
		}
	}
	if w.outcomes, err = w.channel.Consume(results.Name, "", true, true, false, false, nil); err != nil {
		return w, err
	}
	if w.dir, err = os.MkdirTemp("", "docker-worker-bench-"); err != nil {
		return w, err
	}
	w.process = exec.CommandContext(ctx, binary, "start", "--capacity", fmt.Sprint(capacity), "--lease", lease, "--amqp", url,
		"--worker-id", w.queue, "--state-dir", w.dir, "--log-level", "warn", w.queue)
	w.process.Stderr = os.Stderr
	return w, w.process.Start()
}

// round sends tasks at once and waits for the outcome of each. Only this queue's count: others may use the exchange.
func (w *measured) round(ctx context.Context, tasks int) (time.Duration, error) {
	waiting := map[string]bool{}
	return timed(func() error {
		for range tasks {
			w.sent++
			id := fmt.Sprintf("%s-%d", strings.ReplaceAll(w.queue, ".", "-"), w.sent)
			waiting[id] = true
			err := w.channel.PublishWithContext(ctx, "", w.queue, false, false, amqp091.Publishing{
				MessageId:    id,
				DeliveryMode: amqp091.Persistent,
				ContentType:  "application/json",
				Body:         []byte(w.task),
			})
			if err != nil {
				return err
			}
		}
		for len(waiting) > 0 {
			select {
			case m, ok := <-w.outcomes:
				if !ok {
					return fmt.Errorf("the connection to the broker ended")
				}
				if waiting[m.CorrelationId] && m.Type != w.outcome {
					return fmt.Errorf("a task ended with %s: %s", m.Type, m.Body)
				}
				delete(waiting, m.CorrelationId)
			case <-time.After(time.Minute):
				return fmt.Errorf("%d outcomes are missing", len(waiting))
			}
		}
		return nil
	})
}

// peakMemory is the largest resident set of the process so far, in bytes (VmHWM of proc(5)).
func (w *measured) peakMemory() (int64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", w.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			var kb int64
			_, err := fmt.Sscan(value, &kb)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in %s", file.Name())
}

// stop ends the worker and removes what the measurement made.
func (w *measured) stop() {
	if w.process != nil && w.process.Process != nil {
		w.process.Process.Signal(syscall.SIGTERM)
		w.process.Wait()
	}
	if w.channel != nil {
		w.channel.QueueDelete(w.queue, false, false, false)
		w.channel.QueueDelete("docker-worker.claims."+w.queue+"."+w.queue, false, false, false)
	}
	if w.conn != nil {
		w.conn.Close()
	}
	if w.dir != "" {
		os.RemoveAll(w.dir)
	}
}
