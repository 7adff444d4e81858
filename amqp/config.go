package amqp

import (
	"crypto/tls"
	"log/slog"
	"time"
)

// DefaultURL is where a broker is looked for when none is named.
const DefaultURL = "amqp://guest:guest@127.0.0.1:5672"

// Config says where the brokers are. The zero value is a usable configuration: the broker of this machine.
type Config struct {
	// URLs of the brokers, amqp:// or amqps://; see [ParseURL] for what may be in them. They are taken to be nodes
	// of one cluster: each attempt to connect starts at a random one and tries the others in turn.
	// Default: DefaultURL.
	URLs []string

	// TLS is used for every amqps URL. Nil: made from the URL's cacertfile, certfile, keyfile and
	// server_name_indication, else the system's certificates. Both at the same time is a configuration error.
	TLS *tls.Config

	// Name is shown in the management UI, followed by what the connection is for. Default: "docker-worker".
	Name string

	// Heartbeat is asked of the broker; both sides give a silent peer up after three of them. A heartbeat in the
	// URL goes first. Default: 10 s. At least 1 s.
	Heartbeat time.Duration

	// DialTimeout bounds one attempt at one broker: TCP, TLS and the AMQP handshake. A connection_timeout in the
	// URL goes first. Default: 10 s.
	DialTimeout time.Duration

	// CloseTimeout bounds the good-bye of a connection. The broker does not answer it while it blocks a
	// publisher. Default: 3 s.
	CloseTimeout time.Duration

	// ConfirmTimeout bounds the wait for the broker's confirm of a message, while it does not block publishers. Then
	// the message is sent again on a new connection. A quorum queue of RabbitMQ 3.10 that has no leader yet, after a
	// restart, can forget to confirm. Default: 30 s.
	ConfirmTimeout time.Duration

	// RetryMin and RetryMax bound the wait before another attempt to connect: a random time between zero and a
	// limit that doubles from RetryMin to RetryMax. Defaults: 250 ms, 15 s.
	RetryMin, RetryMax time.Duration

	// OnChange, if set, hears of each change of a connection, from the goroutine that runs it. It must not block.
	OnChange func(Change)

	// Logger for the operator. Nil: silent.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if len(c.URLs) == 0 {
		c.URLs = []string{DefaultURL}
	}
	setDefault(&c.Name, "docker-worker")
	setDefault(&c.Heartbeat, 10*time.Second)
	setDefault(&c.DialTimeout, 10*time.Second)
	setDefault(&c.CloseTimeout, 3*time.Second)
	setDefault(&c.ConfirmTimeout, 30*time.Second)
	setDefault(&c.RetryMin, 250*time.Millisecond)
	setDefault(&c.RetryMax, 15*time.Second)
	c.Logger = orSilent(c.Logger)
	return c
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func orSilent(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
