package fakeengine

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"

	"github.com/docker-worker/docker-worker/internal/sandbox"
)

// attach holds the output of a container open until its end. It is opened before the start.
func (e *Engine) attach(w http.ResponseWriter, r *http.Request, c *container) {
	if r.Header.Get("Upgrade") != "" {
		speak := quiet
		if r.URL.Query().Get("stdin") != "" {
			speak = reply
		}
		e.converse(w, c, speak)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.docker.raw-stream")
	open(w)
	select {
	case <-c.ended:
	case <-r.Context().Done():
	}
}

// wait answers when the container has ended; the headers go at once.
func (e *Engine) wait(w http.ResponseWriter, r *http.Request, c *container) {
	w.Header().Set("Content-Type", "application/json")
	open(w)
	select {
	case <-c.ended:
		c.mu.Lock()
		code := c.code
		c.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]any{"StatusCode": code})
	case <-r.Context().Done():
	}
}

// open sends the headers.
func open(w http.ResponseWriter) {
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
}

// converse takes a connection over and has a process speak until it, the container or the connection ends.
func (e *Engine) converse(w http.ResponseWriter, c *container, speak func(net.Conn, *bufio.Reader, *container)) {
	conn, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"); err != nil {
		return
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		speak(conn, buffer.Reader, c)
	}()
	select {
	case <-heard:
	case <-c.ended:
		conn.Close()
		<-heard
	}
}

// quiet is a process that says nothing.
func quiet(_ net.Conn, in *bufio.Reader, _ *container) { _, _ = io.Copy(io.Discard, in) }

// reply is a sandbox in which nothing is ever left behind: it says that it is ready, and answers questions.
func reply(conn net.Conn, in *bufio.Reader, c *container) {
	select {
	case <-c.begun:
	case <-c.ended:
		return
	}
	if say(conn, sandbox.Ready) != nil {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if line == sandbox.Check+"\n" && say(conn, sandbox.Answer{}.String()) != nil {
			return
		}
	}
}

// say writes a line as a frame of standard output.
func say(conn net.Conn, line string) error {
	frame := make([]byte, 8, 8+len(line)+1)
	frame[0] = 1
	binary.BigEndian.PutUint32(frame[4:], uint32(len(line)+1))
	_, err := conn.Write(append(append(frame, line...), '\n'))
	return err
}
