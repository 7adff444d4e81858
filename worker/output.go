package worker

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// streamPair is what tells about a running container: its output and its exit, on two connections.
type streamPair struct {
	closed atomic.Bool // by us: what breaks then is no trouble
	output io.Closer
	copied chan struct{} // closed when the output has ended or broken
	fed    chan struct{} // closed when the input was given or refused; nil without any
	wait   io.Closer
	waited chan struct{}
	exit   chan exitResult // gets one value
}

type exitResult struct {
	status dockerapi.ExitStatus
	err    error // the exit is unknown
}

// connect attaches to the container and begins to wait for it. ctx ends both. Where there is input, the command gets it
// from then on.
func (e *execution) connect(ctx context.Context, condition dockerapi.WaitCondition, input string) (*streamPair, error) {
	output, err := e.engine.ContainerAttach(ctx, e.id, dockerapi.AttachOptions{Stdin: input != "", Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	link, err := e.join(ctx, output, condition)
	if err == nil && input != "" {
		link.feed(output, input)
	}
	return link, err
}

// stdin is the writing half of an attachment.
type stdin interface {
	io.Writer
	CloseWrite() error
}

// feed gives the command its input, and then its end. A command that does not read it all is no trouble.
func (s *streamPair) feed(output io.ReadCloser, input string) {
	s.fed = make(chan struct{})
	go func() {
		defer close(s.fed)
		if in, ok := output.(stdin); ok {
			if _, err := io.WriteString(in, input); err == nil {
				_ = in.CloseWrite()
			}
		}
	}()
}

// join begins to wait for the container whose output this is, and to copy the output.
func (e *execution) join(ctx context.Context, output io.ReadCloser, condition dockerapi.WaitCondition) (*streamPair, error) {
	wait, err := e.engine.ContainerWait(ctx, e.id, condition)
	if err != nil {
		output.Close()
		return nil, fmt.Errorf("wait: %w", err)
	}
	link := &streamPair{
		output: output,
		copied: make(chan struct{}),
		wait:   wait,
		waited: make(chan struct{}),
		exit:   make(chan exitResult, 1),
	}
	go func() {
		defer close(link.copied)
		if err := e.copyOutput(output); err != nil && ctx.Err() == nil && !link.closed.Load() {
			e.logger.Warn("the container's output broke off", "error", err)
		}
	}()
	go func() {
		defer close(link.waited)
		status, err := wait.Result()
		link.exit <- exitResult{status, err}
	}()
	return link, nil
}

// exitedPair is of a container that has ended, and of whose output there is no more.
func exitedPair(c dockerapi.Container) *streamPair {
	link := &streamPair{copied: make(chan struct{}), exit: make(chan exitResult, 1)}
	close(link.copied)
	link.exit <- exitResult{status: dockerapi.ExitStatus{StatusCode: int64(c.State.ExitCode)}}
	return link
}

// close ends both streams and the goroutines that read them. It may be called again.
func (s *streamPair) close() {
	if s.output == nil {
		return
	}
	s.closed.Store(true)
	s.output.Close()
	s.wait.Close()
	<-s.copied
	<-s.waited
	if s.fed != nil {
		<-s.fed
	}
}

// copyOutput moves the container's output into the journal, and waits for nobody but the disk.
func (e *execution) copyOutput(output io.Reader) error {
	pieces := newOutputReader(output, e.tty)
	defer pieces.close()
	for {
		framed, stream, err := pieces.next()
		if len(framed) > recordHeader {
			e.begin(time.Now())
			e.transcript.add(stream, framed)
		}
		if err == io.EOF {
			e.transcript.agreed()
			return nil
		}
		if err != nil {
			return err
		}
	}
}
