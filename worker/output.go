package worker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// copyBuffer is read from the engine at once, in bytes: as much as its frames hold.
const copyBuffer = 32 << 10

// copyBuffers are recycled; each has room for a record's header in front.
var copyBuffers = sync.Pool{New: func() any { return new([recordHeader + copyBuffer]byte) }}

// streamPair is what tells about a running container: its output and its exit, on two connections.
type streamPair struct {
	output io.Closer
	copied chan struct{} // closed when the output has ended or broken
	wait   io.Closer
	waited chan struct{}
	exit   chan exitResult // gets one value
}

type exitResult struct {
	status dockerapi.ExitStatus
	err    error // the exit is unknown
}

// connect attaches to the container and begins to wait for it. ctx ends both.
func (e *execution) connect(ctx context.Context, condition dockerapi.WaitCondition) (*streamPair, error) {
	output, err := e.engine.ContainerAttach(ctx, e.id, dockerapi.AttachOptions{Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
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
		if err := e.copyOutput(output); err != nil && ctx.Err() == nil {
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

// close ends both streams and the goroutines that read them. It may be called again.
func (s *streamPair) close() {
	if s.output == nil {
		return
	}
	s.output.Close()
	s.wait.Close()
	<-s.copied
	<-s.waited
}

// copyOutput moves the container's output into the journal, and waits for nobody but the disk.
func (e *execution) copyOutput(output io.Reader) error {
	buffer := copyBuffers.Get().(*[recordHeader + copyBuffer]byte)
	defer copyBuffers.Put(buffer)
	text := buffer[recordHeader:]
	if e.tty {
		for {
			n, err := output.Read(text)
			if n > 0 {
				e.begin()
				e.journal.writeLog(recordStdout, buffer[:recordHeader+n])
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	frames := dockerapi.NewFrameReader(bufio.NewReaderSize(output, 4<<10))
	for {
		n, stream, err := frames.Read(text)
		if n > 0 {
			e.begin()
			switch stream {
			case dockerapi.Stderr:
				e.journal.writeLog(recordStderr, buffer[:recordHeader+n])
			case dockerapi.SystemErr:
				e.journal.logf("[docker-worker] the engine says: %s", bounded(string(text[:n])))
			default:
				e.journal.writeLog(recordStdout, buffer[:recordHeader+n])
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
