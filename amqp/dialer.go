package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// Dialer makes connections to the brokers of a Config. It holds none itself. All methods may be called by several
// goroutines at the same time.
type Dialer struct {
	cfg  Config
	urls []URL
	log  *slog.Logger
}

// NewDialer checks the configuration; no connection is made. All mistakes are reported at once.
func NewDialer(cfg Config) (*Dialer, error) {
	cfg = cfg.withDefaults()
	d := &Dialer{cfg: cfg, log: cfg.Logger}
	var errs []error
	for i, s := range cfg.URLs {
		u, err := ParseURL(s)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("broker URL %d: %w", i+1, err))
		case u.tlsArgs && cfg.TLS != nil:
			errs = append(errs, fmt.Errorf("broker URL %d: certificates are given both in the URL and beside it", i+1))
		case len(d.urls) > 0 && u.vhost != d.urls[0].vhost:
			errs = append(errs, fmt.Errorf("broker URL %d: vhost %q, but another URL says %q: they must be one cluster", i+1, u.vhost, d.urls[0].vhost))
		default:
			d.urls = append(d.urls, u)
		}
	}
	if cfg.Heartbeat < time.Second {
		errs = append(errs, errors.New("heartbeat: must be at least one second"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

// Brokers are the redacted URLs, for messages.
func (d *Dialer) Brokers() []string {
	out := make([]string, len(d.urls))
	for i, u := range d.urls {
		out[i] = u.Redacted()
	}
	return out
}

// VHost is the vhost that all connections use.
func (d *Dialer) VHost() string { return d.urls[0].vhost }

// dial tries every broker once, beginning with a random one, and returns the first connection that opens. The
// error is about the last broker that answered at all, because "access refused" by one node says more than
// "connection refused" by another.
func (d *Dialer) dial(ctx context.Context, role string) (*connection, error) {
	var unreachable, answered error
	first := rand.IntN(len(d.urls))
	for i := range d.urls {
		c, err := d.dialOne(ctx, d.urls[(first+i)%len(d.urls)], role)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		if IsUnreachable(err) {
			unreachable = err
		} else {
			answered = err
		}
	}
	if answered != nil {
		return nil, answered
	}
	return nil, unreachable
}

func (d *Dialer) dialOne(ctx context.Context, u URL, role string) (*connection, error) {
	timeout := d.cfg.DialTimeout
	if u.timeout > 0 {
		timeout = u.timeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()

	props := amqp091.NewConnectionProperties()
	props["product"] = "docker-worker"
	props.SetClientConnectionName(strings.TrimSpace(d.cfg.Name + " " + role))

	// The library's handshake knows no context. Closing the socket under it is what ends it.
	var raw *hearing
	var stop func() bool
	conn, err := amqp091.DialConfig(u.raw, amqp091.Config{
		Heartbeat:       d.cfg.Heartbeat,
		TLSClientConfig: d.cfg.TLS.Clone(), // the library writes ServerName into it
		Properties:      props,
		Locale:          "en_US",
		Dial: func(network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			raw = &hearing{Conn: c}
			stop = context.AfterFunc(ctx, func() { _ = c.Close() })
			return raw, nil
		},
	})
	if stop != nil && !stop() && err == nil {
		err = context.Cause(ctx) // the socket has been closed in the moment of success
	}
	if err != nil {
		if raw != nil {
			_ = raw.Close()
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, &Error{Op: "connect to broker", Broker: u.Redacted(), VHost: u.vhost, Err: err, Hint: schemeHint(u, err), dial: true}
	}
	return newConnection(conn, raw, u, d.cfg), nil
}

// schemeHint explains two riddles: what the one protocol says when it meets the other.
func schemeHint(u URL, err error) string {
	var notTLS tls.RecordHeaderError
	switch {
	case u.scheme == "amqp" && replyCode(err) == amqp091.FrameError:
		return "if it is a TLS port, the scheme is amqps"
	case u.scheme == "amqps" && errors.As(err, &notTLS):
		return "if it is not a TLS port, the scheme is amqp"
	}
	return ""
}
