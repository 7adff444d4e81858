package dockerapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	defaultIdleConns = 32

	// idleConnTimeout is short, because a connection that outlived a restart of the engine fails the next call.
	idleConnTimeout = 30 * time.Second

	// dialTimeout bounds the connection alone, never a call.
	dialTimeout = 30 * time.Second
)

// endpoint is where an engine listens.
type endpoint struct {
	network, address string // for net.Dial
	scheme, host     string // for the URL of a request
}

// String is the endpoint as a user writes it.
func (e endpoint) String() string {
	if e.network == "unix" {
		return "unix://" + e.address
	}
	return "tcp://" + e.address
}

// parseHost understands unix:// and tcp://. Its errors say what to do instead.
func parseHost(host string, encrypted bool) (endpoint, error) {
	if host == "" {
		host = DefaultHost
	}
	scheme, rest, found := strings.Cut(host, "://")
	if !found {
		return endpoint{}, fmt.Errorf("parse the engine's host %q: write unix:///path/to/docker.sock or tcp://host:port", host)
	}
	switch scheme {
	case "unix":
		if !strings.HasPrefix(rest, "/") {
			return endpoint{}, fmt.Errorf("parse the engine's host %q: the path of a unix socket is absolute, as in %s", host, DefaultHost)
		}
		return endpoint{network: "unix", address: rest, scheme: "http", host: "docker"}, nil
	case "tcp":
		return parseTCP(rest, encrypted)
	case "ssh":
		return endpoint{}, errors.New("parse the engine's host: ssh:// is not spoken here; " +
			"forward the socket (ssh -nNT -L /run/remote-docker.sock:/var/run/docker.sock USER@HOST) and use unix:///run/remote-docker.sock")
	}
	return endpoint{}, fmt.Errorf("parse the engine's host: %s:// is not spoken here, only unix:// and tcp://", scheme)
}

// parseTCP never repeats what it was given: it may hold a password.
func parseTCP(rest string, encrypted bool) (endpoint, error) {
	parsed, err := url.Parse("tcp://" + rest)
	if err != nil || parsed.Hostname() == "" {
		return endpoint{}, errors.New("parse the engine's host: tcp:// is followed by host:port")
	}
	if parsed.User != nil || strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" {
		return endpoint{}, errors.New("parse the engine's host: tcp:// is followed by host:port alone, without user, path or query")
	}
	scheme, port := "http", "2375"
	if encrypted {
		scheme, port = "https", "2376"
	}
	if parsed.Port() != "" {
		port = parsed.Port()
	}
	address := net.JoinHostPort(parsed.Hostname(), port)
	return endpoint{network: "tcp", address: address, scheme: scheme, host: address}, nil
}

// newTransport dials the endpoint whatever the URL says, without a proxy: the engine is next door.
func newTransport(e endpoint, conf *tls.Config, idleConns int) *http.Transport {
	if idleConns == 0 {
		idleConns = defaultIdleConns
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, e.network, e.address)
		},
		TLSClientConfig:     conf,
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConns:        idleConns,
		MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     idleConnTimeout,
		DisableCompression:  true, // local bytes; and a tar must arrive as it was sent
	}
}
