package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// patience is how long an event is awaited.
const patience = time.Minute

// sender has a queue of its own, sends tasks to it, and hears what becomes of them.
type sender struct {
	conn    *amqp091.Connection
	channel *amqp091.Channel
	queue   string
	events  <-chan amqp091.Delivery
	sent    int
}

// newSender makes the queue. events are the types that are heard, of all tasks of the broker: others may use it.
func newSender(url string, events []string) (s *sender, err error) {
	s = &sender{queue: "docker-worker.bench." + strings.ToLower(rand.Text()[:12])}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.conn, err = amqp091.Dial(url); err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	if s.channel, err = s.conn.Channel(); err != nil {
		return nil, fmt.Errorf("open a channel: %w", err)
	}
	if _, err = s.channel.QueueDeclare(s.queue, true, false, false, false, amqp091.Table{"x-queue-type": "quorum"}); err != nil {
		return nil, fmt.Errorf("declare the queue of the tasks: %w", err)
	}
	const exchange = "docker-worker.events"
	if err = s.channel.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
		return nil, fmt.Errorf("declare the exchange of the events: %w", err)
	}
	ears, err := s.channel.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return nil, fmt.Errorf("declare a queue for events: %w", err)
	}
	for _, event := range events {
		if err = s.channel.QueueBind(ears.Name, event+".*", exchange, false, nil); err != nil {
			return nil, fmt.Errorf("bind a queue to events: %w", err)
		}
	}
	if s.events, err = s.channel.Consume(ears.Name, "", true, true, false, false, nil); err != nil {
		return nil, fmt.Errorf("consume events: %w", err)
	}
	return s, nil
}

// send publishes a task and returns its id.
func (s *sender) send(ctx context.Context, task string) (string, error) {
	s.sent++
	id := fmt.Sprintf("%s-%d", strings.ReplaceAll(s.queue, ".", "-"), s.sent)
	err := s.channel.PublishWithContext(ctx, "", s.queue, false, false, amqp091.Publishing{
		MessageId: id, DeliveryMode: amqp091.Persistent, ContentType: "application/json", Body: []byte(task),
	})
	if err != nil {
		return "", fmt.Errorf("publish a task: %w", err)
	}
	return id, nil
}

// round sends tasks at once and waits until each has had the event; another outcome is an error.
func (s *sender) round(ctx context.Context, tasks int, task, event string) error {
	waiting := map[string]bool{}
	for range tasks {
		id, err := s.send(ctx, task)
		if err != nil {
			return err
		}
		waiting[id] = true
	}
	for len(waiting) > 0 {
		m, err := s.hear(ctx)
		if err != nil {
			return fmt.Errorf("%d tasks without %s: %w", len(waiting), event, err)
		}
		if !waiting[m.CorrelationId] {
			continue // somebody else's
		}
		switch m.Type {
		case event:
			delete(waiting, m.CorrelationId)
		case "task.completed", "task.failed", "task.exception":
			return fmt.Errorf("a task ended with %s: %s", m.Type, m.Body)
		}
	}
	return nil
}

// hear is the next event, of whatever task.
func (s *sender) hear(ctx context.Context) (amqp091.Delivery, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case m, ok := <-s.events:
		if !ok {
			return m, errors.New("the connection to the broker ended")
		}
		return m, nil
	case <-ctx.Done():
		return amqp091.Delivery{}, context.Cause(ctx)
	case <-timer.C:
		return amqp091.Delivery{}, fmt.Errorf("nothing was heard for %v", patience)
	}
}

// close removes the queue, with the one of the worker's claims, and the connection.
func (s *sender) close() {
	if s.channel != nil {
		for _, queue := range []string{s.queue, "docker-worker.claims." + s.queue + "." + s.queue} {
			_, _ = s.channel.QueueDelete(queue, false, false, false)
		}
	}
	if s.conn != nil {
		_ = s.conn.Close()
	}
}
