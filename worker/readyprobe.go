package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/docker-worker/docker-worker/worker/task"
)

const (
	// readyProbe bounds one question.
	readyProbe = 5 * time.Second
	// readyStays is how long a connection must stay open to count: something in front of a service that is not there
	// yet takes connections only to close them.
	readyStays = 100 * time.Millisecond
)

// probeReady is the probe of a worker on the engine's host: it connects to the container's own address, which works for
// networks without a way out as well.
func probeReady(ctx context.Context, name, address string, ready task.Ready) (reached bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyProbe)
	defer cancel()
	if ready.HTTP != nil {
		return probeHTTP(ctx, name, address, *ready.HTTP)
	}
	return probeTCP(ctx, net.JoinHostPort(address, strconv.Itoa(ready.TCP)))
}

// probeTCP makes a connection, which must stay, or on which the service must speak.
func probeTCP(ctx context.Context, address string) (reached bool, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return refused(err), err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(readyStays)); err != nil {
		return true, err
	}
	if _, err = conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return true, nil
	}
	return true, fmt.Errorf("%s takes connections and closes them at once", address)
}

// refused tells whether a connection was refused by whoever has the address.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}

// readyClient asks services. It takes no proxy from the environment, follows nothing, and keeps no connection.
var readyClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// probeHTTP wants a status below 400. The service is addressed as the task addresses it, by its name.
func probeHTTP(ctx context.Context, name, address string, ready task.HTTPReady) (reached bool, err error) {
	path := ready.Path
	if path == "" {
		path = "/"
	}
	port := strconv.Itoa(ready.Port)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { reached = true }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(address, port)+path, nil)
	if err != nil {
		return false, err
	}
	req.Host = net.JoinHostPort(name, port)
	resp, err := readyClient.Do(req)
	if err != nil {
		return reached || refused(err), err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // what it says is worth nothing here
	if resp.StatusCode >= http.StatusBadRequest {
		return true, fmt.Errorf("GET %s answers %s", path, resp.Status)
	}
	return true, nil
}
