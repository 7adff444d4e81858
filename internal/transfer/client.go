package transfer

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// Client moves files. The zero value is ready; its fields must not change once it is in use. Many goroutines may use it.
type Client struct {
	Inactivity time.Duration // a try ends when no byte moves for so long; 0 is DefaultInactivity
	Tries      int           // 0 is DefaultTries
	Pause      time.Duration // before the second try, more or less; it doubles with each. 0 is a second
	UserAgent  string        // "" is "docker-worker"

	// Allow tells whether a request may go to an address of the network; nil allows all. A proxy that the environment
	// names is the operator's, and is not asked about.
	Allow func(netip.Addr) bool
	// AllowHint says what would allow an address, after a semicolon at the end of a refusal.
	AllowHint string

	// Transport takes the requests; nil is one of this client's own. With another one, Allow is its business.
	Transport http.RoundTripper

	once            sync.Once
	direct, proxied *http.Transport
}

// What a Client does that is not told otherwise.
const (
	DefaultInactivity = time.Minute
	DefaultTries      = 5
)

// Close ends the connections that nobody uses any more.
func (c *Client) Close() {
	c.once.Do(c.start)
	c.direct.CloseIdleConnections()
	c.proxied.CloseIdleConnections()
}

// start makes two transports: one that looks where it goes, and one for the operator's proxy.
func (c *Client) start() {
	base := http.Transport{
		DisableCompression:     true, // what the server has is what is wanted, and what a checksum is of
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		WriteBufferSize:        64 << 10,
		ReadBufferSize:         64 << 10,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	c.direct, c.proxied = base.Clone(), base.Clone()
	c.direct.DialContext = (&net.Dialer{ControlContext: c.control}).DialContext
	c.proxied.DialContext = (&net.Dialer{ControlContext: lowWater}).DialContext
	c.proxied.Proxy = http.ProxyFromEnvironment
}

// roundTrip sends one request, over the way that is meant for it.
func (c *Client) roundTrip(request *http.Request) (*http.Response, error) {
	if c.Transport != nil {
		return c.Transport.RoundTrip(request)
	}
	c.once.Do(c.start)
	proxy, err := http.ProxyFromEnvironment(request)
	if err != nil || proxy == nil {
		return c.direct.RoundTrip(request)
	}
	if addr, err := netip.ParseAddr(request.URL.Hostname()); err == nil && !c.allowed(addr) {
		return nil, refusedAddress{addr, c.AllowHint}
	}
	return c.proxied.RoundTrip(request)
}

// control looks at every address that is about to be connected to, after all names were resolved.
func (c *Client) control(ctx context.Context, network, address string, conn syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !c.allowed(to.Addr()) {
		return refusedAddress{to.Addr(), c.AllowHint}
	}
	return lowWater(ctx, network, address, conn)
}

func (c *Client) allowed(addr netip.Addr) bool {
	return c.Allow == nil || c.Allow(addr.Unmap().WithZone(""))
}

// lowWater lets the kernel hold only little that it has not sent yet. Otherwise it swallows megabytes at once, and a
// slow server that takes them steadily looks like one that takes nothing.
func lowWater(_ context.Context, _, _ string, conn syscall.RawConn) error {
	const notSentLowWater = 25 // TCP_NOTSENT_LOWAT, which package syscall does not name
	return conn.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, notSentLowWater, 128<<10) // without it: as any program has it
	})
}

// request makes a request that a signature in its address stays valid for. Credentials before the host are the address's
// own wish.
func (c *Client) request(ctx context.Context, method string, to *url.URL) *http.Request {
	bare := *to
	bare.User, bare.Fragment, bare.RawFragment = nil, "", ""
	r := (&http.Request{
		Method: method, URL: &bare, Host: bare.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
	}).WithContext(ctx)
	r.Header.Set("User-Agent", c.UserAgent)
	if c.UserAgent == "" {
		r.Header.Set("User-Agent", "docker-worker")
	}
	if to.User != nil {
		password, _ := to.User.Password()
		r.SetBasicAuth(to.User.Username(), password)
	}
	return r
}
