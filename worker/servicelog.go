package worker

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/mask"
	"github.com/docker-worker/docker-worker/worker/task"
)

// serviceStream is what the stream header of task.log begins with for the log of a service.
const serviceStream = "service/"

// serviceRecord is the payload of a recordService with room for a header in front: the length of the service's name as a
// byte, the name, and the text.
func serviceRecord(name string, text []byte) []byte {
	framed := make([]byte, recordHeader, recordHeader+1+len(name)+len(text))
	framed = append(framed, byte(len(name)))
	framed = append(framed, name...)
	return append(framed, text...)
}

// servicePrefix is how many bytes of such a payload precede the text.
func servicePrefix(payload []byte) int {
	if len(payload) == 0 {
		return 0
	}
	return min(1+int(payload[0]), len(payload))
}

// writeService appends what a service wrote, both of its streams. It shares the limit of the log with the command, but
// has no part in the end that is kept beyond it. It never fails: what cannot be kept is counted.
func (j *journal) writeService(name string, text []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	room := max(min(int64(len(text)), j.room()), 0)
	if room > 0 && j.store(recordService, serviceRecord(name, text[:room])) {
		j.keptService += room
		text = text[room:]
	}
	j.droppedService += int64(len(text))
}

// streamOf reads the name of the stream that the next record of a journal belongs to, "" for one that is no log, and how
// many bytes of its payload precede the text.
func streamOf(in *bufio.Reader, kind recordKind) (stream string, prefix int, err error) {
	if kind != recordService {
		return streamNames[kind], 0, nil
	}
	head, err := in.Peek(recordHeader + 1)
	if err != nil {
		return "", 0, err
	}
	prefix = 1 + int(head[recordHeader])
	if head, err = in.Peek(recordHeader + prefix); err != nil {
		return "", 0, err
	}
	return serviceStream + string(head[recordHeader+1:]), prefix, nil
}

// serviceLog is the way of a service's output into the journal. It waits for nobody but the disk.
type serviceLog struct {
	name    string
	journal *journal
	masker  *mask.Masker // nil where there are no secrets

	mu   sync.Mutex
	last lastLines
}

// copy moves output, in frames, until it ends.
func (l *serviceLog) copy(output io.Reader) error {
	pieces := newOutputReader(output, false)
	defer pieces.close()
	masked := map[dockerapi.Stream]*mask.Stream{}
	var out []byte
	defer func() {
		for _, s := range masked {
			l.add(s.End(nil))
		}
	}()
	for {
		framed, stream, err := pieces.next()
		text := framed[recordHeader:]
		switch {
		case len(text) == 0:
		case stream == dockerapi.SystemErr:
			l.journal.logf("[docker-worker] the engine says of service %s: %s", l.name, task.Bounded(string(text)))
		case l.masker == nil:
			l.add(text)
		default:
			if masked[stream] == nil {
				masked[stream] = l.masker.Stream()
			}
			out = masked[stream].Mask(out[:0], text)
			l.add(out)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the output of service %s: %w", l.name, err)
		}
	}
}

func (l *serviceLog) add(text []byte) {
	if len(text) == 0 {
		return
	}
	l.journal.writeService(l.name, text)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last.add(text)
}

// end is the last lines so far.
func (l *serviceLog) end() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.lines()
}

// lastLines keeps the end of a text.
type lastLines struct{ text []byte }

// What is kept of a service's log to explain its end: lines, and bytes of them all.
const (
	lastLineCount = 20
	lastLineBytes = 8 << 10
)

func (l *lastLines) add(text []byte) {
	l.text = append(l.text, text[max(len(text)-lastLineBytes, 0):]...)
	if over := len(l.text) - lastLineBytes; over > 0 {
		l.text = l.text[:copy(l.text, l.text[over:])]
	}
}

func (l *lastLines) lines() []string {
	text := strings.TrimRight(string(l.text), "\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(len(lines)-lastLineCount, 0):]
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, "\r")
	}
	return lines
}
