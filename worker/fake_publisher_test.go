package worker

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// fakePublisher keeps what is published, in order.
type fakePublisher struct {
	before func(ctx context.Context, messages []Message) error // nil: nothing in the way

	mu       sync.Mutex
	messages []Message
	gone     chan struct{} // not nil while there is no broker; closed when it is back
}

func (p *fakePublisher) Publish(ctx context.Context, messages ...Message) error {
	if p.before != nil {
		if err := p.before(ctx, messages); err != nil {
			return err
		}
	}
	for {
		p.mu.Lock()
		gone := p.gone
		if gone == nil {
			for _, m := range messages {
				m.Body, m.Headers = slices.Clone(m.Body), maps.Clone(m.Headers)
				p.messages = append(p.messages, m)
			}
			p.mu.Unlock()
			return nil
		}
		p.mu.Unlock()
		select {
		case <-gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// away keeps what is published from being confirmed, until back.
func (p *fakePublisher) away() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = make(chan struct{})
}

func (p *fakePublisher) back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.gone)
	p.gone = nil
}

// all are the messages of the events exchange so far whose routing key begins with prefix.
func (p *fakePublisher) all(prefix string) []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.messages), func(m Message) bool {
		return m.ReplyTo != "" || !strings.HasPrefix(m.RoutingKey, prefix)
	})
}

// copies are the messages for a queue that a sender named.
func (p *fakePublisher) copies(queue string) []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.messages), func(m Message) bool { return m.ReplyTo != queue })
}
