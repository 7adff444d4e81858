package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/sandbox"
)

// sandboxAnswer is how long a sandbox may take for an answer.
const sandboxAnswer = 10 * time.Second

// sandboxLink is a conversation with a sandbox, over an attachment. Its end is the first sign that the sandbox ended.
type sandboxLink struct {
	stream io.ReadCloser
	life   context.Context // until the conversation ends
	cancel context.CancelFunc
	lines  chan string   // what it says
	ended  chan struct{} // closed when it says no more

	mu       sync.Mutex // held by who asks
	complain string     // its last words on standard error; valid once ended is closed
}

// attachSandbox begins a conversation, which outlives ctx. It must be closed.
func attachSandbox(ctx context.Context, engine processEngine, id string) (*sandboxLink, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	stream, err := engine.ContainerAttach(life, id, dockerapi.AttachOptions{Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("attach to the sandbox: %w", err)
	}
	l := &sandboxLink{stream: stream, life: life, cancel: cancel, lines: make(chan string, 1), ended: make(chan struct{})}
	go l.listen()
	return l, nil
}

// listen reads to the end. A line that nobody has asked for breaks the conversation off: it may be somebody else's.
func (l *sandboxLink) listen() {
	defer l.cancel()
	defer close(l.ended)
	const longest = 4096
	frames := dockerapi.NewFrameReader(bufio.NewReader(l.stream))
	var pending [dockerapi.Stderr + 1]string
	buffer := make([]byte, longest)
	for {
		n, stream, err := frames.Read(buffer)
		if err != nil || int(stream) >= len(pending) {
			return
		}
		text := pending[stream] + string(buffer[:n])
		for {
			line, rest, whole := strings.Cut(text, "\n")
			if !whole {
				break
			}
			text = rest
			if stream == dockerapi.Stderr {
				l.complain = line
				continue
			}
			select {
			case l.lines <- line:
			default:
				return
			}
		}
		if len(text) > longest {
			return
		}
		pending[stream] = text
	}
}

// afterwards calls do, in a goroutine of its own, when the conversation has ended.
func (l *sandboxLink) afterwards(do func()) {
	context.AfterFunc(l.life, func() {
		<-l.ended
		do()
	})
}

// ready waits until the sandbox says that it is, or ctx ends.
func (l *sandboxLink) ready(ctx context.Context) error {
	line, err := l.hear(ctx)
	if err == nil && line != sandbox.Ready {
		err = fmt.Errorf("the sandbox says %q instead of being ready", line)
	}
	return err
}

// check asks whether anything was left behind in the network.
func (l *sandboxLink) check(ctx context.Context) (sandbox.Answer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in, ok := l.stream.(io.Writer)
	if !ok {
		return sandbox.Answer{}, errors.New("the sandbox cannot be asked: the engine gave no way to write")
	}
	select {
	case line := <-l.lines: // perhaps the answer to a question of an earlier process: the next one would be as late
		return sandbox.Answer{}, fmt.Errorf("the sandbox says %q, and nobody has asked", line)
	default:
	}
	if _, err := io.WriteString(in, sandbox.Check+"\n"); err != nil {
		return sandbox.Answer{}, fmt.Errorf("ask the sandbox: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, sandboxAnswer, fmt.Errorf("the sandbox has said nothing for %v", sandboxAnswer))
	defer cancel()
	line, err := l.hear(ctx)
	if err != nil {
		return sandbox.Answer{}, err
	}
	return sandbox.ParseAnswer(line)
}

func (l *sandboxLink) hear(ctx context.Context) (string, error) {
	select {
	case line := <-l.lines:
		return line, nil
	case <-l.ended:
		select {
		case line := <-l.lines:
			return line, nil
		default:
		}
		if l.complain != "" {
			return "", fmt.Errorf("the sandbox has ended: %s", l.complain)
		}
		return "", errors.New("the sandbox has ended")
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// close ends the conversation; the sandbox goes on.
func (l *sandboxLink) close() {
	l.stream.Close()
	l.cancel()
	<-l.ended
}
