package dockerapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
)

// Client talks to one engine. It is safe for concurrent use.
type Client struct {
	endpoint endpoint
	http     *http.Client
	fresh    *http.Client // keeps no connection
	log      *slog.Logger
	pin      apiVersion // the zero value negotiates

	mu      sync.Mutex // guards chosen
	chosen  apiVersion // the version of every request; the zero value before the first negotiation
	current Negotiated
}

// New checks the configuration and makes a client. It does not talk to the engine yet: [Client.Negotiate] does.
func New(cfg Config) (*Client, error) {
	e, err := parseHost(cfg.Host, cfg.TLS != nil)
	if err != nil {
		return nil, err
	}
	c := &Client{endpoint: e, log: cfg.Logger}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if cfg.APIVersion != "" {
		if c.pin, err = parsePin(cfg.APIVersion); err != nil {
			return nil, err
		}
		c.chosen = c.pin
	}
	transport, fresh := cfg.Transport, cfg.Transport
	if transport == nil {
		kept := newTransport(e, cfg.TLS, cfg.MaxIdleConns)
		single := kept.Clone()
		single.DisableKeepAlives = true
		transport, fresh = kept, single
	}
	c.http, c.fresh = newHTTPClient(transport), newHTTPClient(fresh)
	return c, nil
}

func newHTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport,
		// The engine only redirects a path that was built wrong; following would hide it and turn a POST into a GET.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Host is the address of the engine, for messages. It holds no secret.
func (c *Client) Host() string { return c.endpoint.String() }

// Close closes the connections that are idle. Calls and streams that are open go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// String names the client in a log.
func (c *Client) String() string { return fmt.Sprintf("engine at %s", c.Host()) }
