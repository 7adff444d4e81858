package main

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/amqp"
	"github.com/docker-worker/docker-worker/dockerapi"
)

// env names the environment variable of a flag.
func env(flag string) []string {
	return []string{"DOCKER_WORKER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))}
}

// identityFlags say which worker this is, and where it keeps its things.
func identityFlags() []cli.Flag {
	hostname, _ := os.Hostname() // an empty id is refused, in words
	return []cli.Flag{
		&cli.StringFlag{Name: "worker-id", EnvVars: env("worker-id"), Value: hostname, DefaultText: "host name", Usage: "`ID` of this worker: the same after every restart, and no other worker's"},
		&cli.StringFlag{Name: "state-dir", EnvVars: append(env("state-dir"), "STATE_DIRECTORY"), Value: "/var/lib/docker-worker", Usage: "`DIR` for the logs of tasks under way; they can grow to --max-log-size each"},
	}
}

// leaseFlags say how tasks are held.
func leaseFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "lease", EnvVars: env("lease"), Value: 5 * time.Minute, Usage: "hold a task by a lease of this `DURATION` that is renewed: the longest outage of the broker that a running task survives, and the time until the tasks of a lost host run elsewhere; 0 holds the delivery instead, for brokers where this worker may not declare queues"},
		&cli.StringFlag{Name: "claims-queue", EnvVars: env("claims-queue"), Value: "quorum", Usage: "`TYPE` of the queue that keeps the leases: quorum or classic"},
	}
}

func brokerFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{
			Name: "amqp", EnvVars: env("amqp"), Value: cli.NewStringSlice(amqp.DefaultURL), DefaultText: amqp.DefaultURL,
			Usage: "`URL` of a broker, amqp:// or amqps://; give it several times for the nodes of a cluster. A password is better set in the environment than here, where every user of the host can read it",
		},
	}
}

func engineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name: "docker-host", EnvVars: append(env("docker-host"), "DOCKER_HOST"), DefaultText: dockerapi.DefaultHost,
			Usage: "`URL` of the Docker engine: unix:///path or tcp://host:port (with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH as for the docker command)",
		},
		&cli.StringFlag{
			Name: "docker-api-version", EnvVars: append(env("docker-api-version"), "DOCKER_API_VERSION"),
			Usage: "speak this `VERSION` of the Docker API and no other, e.g. 1.41; by default it is negotiated once, at the start",
		},
	}
}

func logFlags(level string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "log-format", EnvVars: env("log-format"), Value: "text", Usage: "`FORMAT` of this program's own log on standard error: text or json"},
		&cli.StringFlag{Name: "log-level", EnvVars: env("log-level"), Value: level, Usage: "least `LEVEL` that is logged: debug, info, warn or error"},
	}
}

// newLogger makes the operator's log. It never goes to standard output, which belongs to the tasks.
func newLogger(c *cli.Context) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, failure{exitConfig, fmt.Errorf("--log-level %q: it is debug, info, warn or error", c.String("log-level"))}
	}
	opts := &slog.HandlerOptions{Level: level}
	switch format := c.String("log-format"); format {
	case "text":
		return slog.New(slog.NewTextHandler(c.App.ErrWriter, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(c.App.ErrWriter, opts)), nil
	default:
		return nil, failure{exitConfig, fmt.Errorf("--log-format %q: it is text or json", format)}
	}
}

func newDialer(c *cli.Context, logger *slog.Logger) (*amqp.Dialer, error) {
	d, err := amqp.NewDialer(amqp.Config{URLs: c.StringSlice("amqp"), Logger: logger})
	if err != nil {
		return nil, failure{exitConfig, err}
	}
	return d, nil
}

func newEngine(c *cli.Context, logger *slog.Logger) (*dockerapi.Client, error) {
	// The flags have read DOCKER_HOST and DOCKER_API_VERSION already; what is left is TLS.
	cfg, err := dockerapi.ConfigFromEnv(func(name string) string {
		switch name {
		case "DOCKER_HOST":
			return c.String("docker-host")
		case "DOCKER_API_VERSION":
			return c.String("docker-api-version")
		}
		return os.Getenv(name)
	})
	if err != nil {
		return nil, failure{exitConfig, err}
	}
	cfg.Logger = logger
	cfg.MaxIdleConns = 4 * max(c.Int("capacity"), 1)
	client, err := dockerapi.New(cfg)
	if err != nil {
		return nil, failure{exitConfig, err}
	}
	return client, nil
}

func controlFlag() cli.Flag {
	return &cli.StringFlag{Name: "control-exchange", EnvVars: env("control-exchange"), Value: amqp.DefaultControlExchange, Usage: "topic `EXCHANGE` for orders to workers: cancel, drain; a worker makes it if it is missing"}
}

func eventsFlag() cli.Flag {
	return &cli.StringFlag{Name: "events-exchange", EnvVars: env("events-exchange"), Value: amqp.DefaultExchange, Usage: "topic `EXCHANGE` for everything that happens; a worker makes it if it is missing"}
}

// oneOf checks a flag that is a word out of a few.
func oneOf(c *cli.Context, flag string, words ...string) error {
	if !slices.Contains(words, c.String(flag)) {
		return failure{exitConfig, fmt.Errorf("--%s %q: it is %s", flag, c.String(flag), strings.Join(words, " or "))}
	}
	return nil
}

func flags(groups ...[]cli.Flag) []cli.Flag {
	var all []cli.Flag
	for _, group := range groups {
		all = append(all, group...)
	}
	return all
}
