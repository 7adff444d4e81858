package brokertest

import (
	"errors"
	"net"
	"sync"
	"testing"
)

// Proxy sits between a client and a broker. Its methods may be called at any time.
type Proxy struct {
	target string
	ln     net.Listener
	loops  sync.WaitGroup

	mu     sync.Mutex
	hole   chan struct{} // nil, or closed when the black hole ends
	refuse bool
	conns  map[net.Conn]bool // both sides of each
	total  int
	closed bool
}

// NewProxy listens on a port of its own, for connections to the broker at the URL. It ends with the test.
func NewProxy(tb testing.TB, brokerURL string) *Proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	p := &Proxy{target: Host(tb, brokerURL), ln: ln, conns: make(map[net.Conn]bool)}
	p.loops.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Host is where the proxy listens.
func (p *Proxy) Host() string { return p.ln.Addr().String() }

// Connections is how many connections were accepted so far.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// Cut ends every connection at once. New ones are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// Refuse lets new connections fail, until it is called with false. Those that exist are not touched.
func (p *Proxy) Refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = yes
}

// Blackhole stops every byte in both directions without ending a connection, as a dead network does; new connections
// open and hear nothing. With false everything goes on, nothing having been lost.
func (p *Proxy) Blackhole(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case yes && p.hole == nil:
		p.hole = make(chan struct{})
	case !yes && p.hole != nil:
		close(p.hole)
		p.hole = nil
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		server, ok := p.open(client)
		if !ok {
			_ = client.Close()
			continue
		}
		p.loops.Go(func() { p.pipe(client, server) })
		p.loops.Go(func() { p.pipe(server, client) })
	}
}

func (p *Proxy) open(client net.Conn) (net.Conn, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total++
	if p.refuse || p.closed {
		return nil, false
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return nil, false
	}
	p.conns[client], p.conns[server] = true, true
	return server, true
}

func (p *Proxy) pipe(from, to net.Conn) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
		p.mu.Lock()
		delete(p.conns, from)
		delete(p.conns, to)
		p.mu.Unlock()
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.throughHole()
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// throughHole waits while the black hole is there.
func (p *Proxy) throughHole() {
	p.mu.Lock()
	hole := p.hole
	p.mu.Unlock()
	if hole != nil {
		<-hole
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.ln.Close()
	p.Blackhole(false)
	p.Cut()
	p.loops.Wait()
}
