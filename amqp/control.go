package amqp

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/rabbitmq/amqp091-go"
)

// DefaultControlExchange takes commands for workers.
const DefaultControlExchange = "docker-worker.control"

// Command is what somebody wants a worker to do.
type Command string

// The commands, and their routing keys on the control exchange.
const (
	CancelTask   Command = "task.cancel"  // task.cancel.<task id>: to the worker that has the task
	RememberTask Command = "all.cancel"   // all.cancel.<task id>: to every worker, in case it gets the task later
	DrainWorker  Command = "worker.drain" // worker.drain.<worker id>
)

// Order is a command and whom it is about.
type Order struct {
	Command Command
	ID      string // of the task or the worker
	Body    []byte
}

func parseOrder(d amqp091.Delivery) (Order, bool) {
	for _, c := range []Command{CancelTask, RememberTask, DrainWorker} {
		if id, ok := strings.CutPrefix(d.RoutingKey, string(c)+"."); ok && id != "" {
			return Order{Command: c, ID: id, Body: d.Body}, true
		}
	}
	return Order{}, false
}

// ControlConfig configures a Control.
type ControlConfig struct {
	// WorkerID whose orders are heard.
	WorkerID string

	// Exchange that orders come over (topic, durable). It is made where it is absent and we may. Default:
	// DefaultControlExchange.
	Exchange string

	// Handle gets each order, one at a time. It should return soon; ctx ends with Run.
	Handle func(ctx context.Context, o Order)

	// Logger for the operator. Nil: the dialer's.
	Logger *slog.Logger
}

// Control hears orders, on an exclusive queue that goes with its connection. Orders that are sent while the connection
// is down are lost: whoever sends one must see its effect, or send it again.
type Control struct {
	cfg     ControlConfig
	log     *slog.Logger
	session *session
	dirty   chan struct{} // capacity 1: bindings are to be changed, and nobody waits for it

	mu      sync.Mutex
	watched map[string]int     // task ids, and how often
	present *controlGeneration // nil while there is no connection
}

// controlGeneration is one connection. The goroutine that serves it makes all its calls: the library mixes up the
// answers to calls that several make on one channel.
type controlGeneration struct {
	ch    *amqp091.Channel
	bound map[string]bool    // task ids
	apply chan chan struct{} // asks to bind what is watched; the answer is that the channel is closed
	ended chan struct{}
}

// NewControl makes a Control; nothing is heard before Run.
func NewControl(d *Dialer, cfg ControlConfig) *Control {
	setDefault(&cfg.Exchange, DefaultControlExchange)
	s := newSession(d, "control", cfg.Logger)
	return &Control{cfg: cfg, log: s.log, session: s, watched: make(map[string]int), dirty: make(chan struct{}, 1)}
}

func (c *Control) queue() string { return "docker-worker.ctl." + c.cfg.WorkerID }

// Run hears orders until ctx ends, whose cause it returns.
func (c *Control) Run(ctx context.Context) error {
	c.session.run(ctx, c.serve)
	return context.Cause(ctx)
}

func (c *Control) serve(ctx context.Context, conn *connection, ready func()) error {
	if err := c.ensureExchange(ctx, conn); err != nil {
		return err
	}
	ch, err := conn.channel(ctx)
	if err != nil {
		return err
	}
	g := &controlGeneration{ch: ch, bound: make(map[string]bool), apply: make(chan chan struct{}), ended: make(chan struct{})}
	defer close(g.ended)
	defer conn.killAfter(ctx)()
	deliveries, err := c.setUp(ctx, conn, g)
	if err != nil {
		return err
	}
	defer c.setPresent(nil)
	ready()
	for {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return conn.wrap(ctx, "consume queue", c.queue(), errCanceled)
			}
			if o, ok := parseOrder(d); ok {
				c.cfg.Handle(ctx, o)
			} else {
				c.log.Warn("an order is not understood", "key", d.RoutingKey)
			}
		case done := <-g.apply:
			if err := c.bindWatched(g); err != nil {
				return conn.wrap(ctx, "bind control queue", c.queue(), err)
			}
			close(done)
		case <-c.dirty:
			if err := c.bindWatched(g); err != nil {
				return conn.wrap(ctx, "bind control queue", c.queue(), err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Control) ensureExchange(ctx context.Context, conn *connection) error {
	ch, err := conn.channel(ctx)
	if err != nil {
		return err
	}
	defer conn.killAfter(ctx)()
	if err := ch.ExchangeDeclare(c.cfg.Exchange, amqp091.ExchangeTopic, true, false, false, false, nil); err == nil {
		return conn.wrap(ctx, "close channel", "", ch.Close())
	} else if !IsAccessRefused(err) && !IsInequivalent(err) {
		return conn.wrap(ctx, "declare exchange", c.cfg.Exchange, err)
	}
	return nil // if it is absent the bindings will say so
}

func (c *Control) setUp(ctx context.Context, conn *connection, g *controlGeneration) (<-chan amqp091.Delivery, error) {
	if _, err := g.ch.QueueDeclare(c.queue(), false, true, true, false, nil); err != nil {
		return nil, conn.wrap(ctx, "declare control queue", c.queue(), err)
	}
	for _, key := range []string{string(RememberTask) + ".#", string(DrainWorker) + "." + c.cfg.WorkerID} {
		if err := g.ch.QueueBind(c.queue(), key, c.cfg.Exchange, false, nil); err != nil {
			return nil, conn.wrap(ctx, "bind control queue", c.queue(), err)
		}
	}
	c.setPresent(g) // before the watched are bound, so that none is forgotten in between
	if err := c.bindWatched(g); err != nil {
		return nil, conn.wrap(ctx, "bind control queue", c.queue(), err)
	}
	deliveries, err := g.ch.Consume(c.queue(), "", true, true, false, false, nil)
	return deliveries, conn.wrap(ctx, "consume control queue", c.queue(), err)
}

func (c *Control) setPresent(g *controlGeneration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.present = g
}

// bindWatched makes the bindings what they should be.
func (c *Control) bindWatched(g *controlGeneration) error {
	var bind, unbind []string
	c.mu.Lock()
	for id := range c.watched {
		if !g.bound[id] {
			bind = append(bind, id)
		}
	}
	for id := range g.bound {
		if c.watched[id] == 0 {
			unbind = append(unbind, id)
		}
	}
	c.mu.Unlock()
	for _, id := range bind {
		if err := g.ch.QueueBind(c.queue(), string(CancelTask)+"."+id, c.cfg.Exchange, false, nil); err != nil {
			return err
		}
		g.bound[id] = true
	}
	for _, id := range unbind {
		if err := g.ch.QueueUnbind(c.queue(), string(CancelTask)+"."+id, c.cfg.Exchange, nil); err != nil {
			return err
		}
		delete(g.bound, id)
	}
	return nil
}

// Watch makes CancelTask orders for the task come here, so that their sender learns whether anybody runs it, until
// release is called. Both return when that is so; or when ctx ends or the connection is down, and then it will be so
// soon.
func (c *Control) Watch(ctx context.Context, taskID string) (release func(ctx context.Context)) {
	c.watch(ctx, taskID, 1)
	return func(ctx context.Context) { c.watch(ctx, taskID, -1) }
}

func (c *Control) watch(ctx context.Context, taskID string, n int) {
	c.mu.Lock()
	if c.watched[taskID] += n; c.watched[taskID] <= 0 {
		delete(c.watched, taskID)
	}
	g := c.present
	c.mu.Unlock()
	if g == nil {
		return
	}
	done := make(chan struct{})
	select {
	case g.apply <- done:
	case <-g.ended:
		return
	case <-ctx.Done(): // nobody waits, but it has to be done
		select {
		case c.dirty <- struct{}{}:
		default:
		}
		return
	}
	select {
	case <-done:
	case <-g.ended:
	case <-ctx.Done():
	}
}

// Send sends an order over the exchange and waits for the broker. ErrUnroutable: nobody hears it, so nobody has the
// task, or the worker is not there. That holds for CancelTask and DrainWorker; every worker hears RememberTask.
func (s *Submitter) Send(ctx context.Context, exchange string, o Order) error {
	setDefault(&exchange, DefaultControlExchange)
	if o.ID == "" || len(o.ID) > 200 {
		return fmt.Errorf("send order %q: the id is empty or too long", o.Command)
	}
	key := string(o.Command) + "." + o.ID
	err := s.lane.send(ctx, []*envelope{{exchange: exchange, key: key, mandatory: true, msg: amqp091.Publishing{Body: o.Body}}})
	return s.conn.wrap(context.WithoutCancel(ctx), "send order to exchange", exchange, err)
}
