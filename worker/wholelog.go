package worker

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"time"

	"github.com/docker-worker/docker-worker/internal/transfer"
	"github.com/docker-worker/docker-worker/worker/artifact"
)

// logType is the content type of a log: what a command writes may be anything, and is text most of the time.
const logType = "text/plain; charset=utf-8"

// logName is what the log is called among the artifacts when its task gives it no name.
const logName = "log"

// wholeLog keeps the log of a task beside the events: at the address that the task names, or in the store.
type wholeLog struct {
	client *transfer.Client
	store  artifact.Store // nil: there is none
	limit  time.Duration
}

// keep keeps the log, which is sealed, and tells what became of it. That it cannot be kept changes nothing but its
// report.
func (k wholeLog) keep(ctx, life context.Context, r *Run, out *Outcome) {
	if r.Task == nil || r.Task.Log.URL == "" && r.Task.Log.Name == "" {
		return
	}
	name := cmp.Or(r.Task.Log.Name, logName)
	report := r.past.artifact(name)
	if report == nil {
		report = k.report(ctx, life, r, name, out.Log)
		if lost(r.delivery) {
			return // somebody else speaks for the task
		}
		r.emit(TaskArtifact, time.Now().UTC(), report)
	}
	out.Artifacts = append(out.Artifacts, *report)
}

func (k wholeLog) report(ctx, life context.Context, r *Run, name string, sum LogSummary) *ArtifactReport {
	report := &ArtifactReport{Name: name, Size: sum.Bytes, SHA256: sum.SHA256, ContentType: logType}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer watch(ctx, r.delivery.Lost(), func() { cancel(ErrClaimLost) })()
	defer hurry(life, func() { cancel(fmt.Errorf("gave up after %v: %w", teardownBudget, ErrShutdown)) })()
	if err := k.put(ctx, r, report); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		report.URL, report.Error = "", err.Error()
		r.Logger.Warn("cannot keep the log of a task", "error", err)
	}
	return report
}

func (k wholeLog) put(ctx context.Context, r *Run, report *ArtifactReport) (err error) {
	log := artifact.Object{Size: report.Size, Type: logType, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(newLogReader(r.journal)), nil
	}}
	switch {
	case r.Task.Log.URL != "":
		report.URL = transfer.Redact(r.Task.Log.URL)
		return k.client.Upload(ctx, transfer.Upload{URL: r.Task.Log.URL, Size: log.Size, Body: log.Open}) // a type would have to be signed
	case k.store == nil:
		return errors.New("this worker has no --artifact-store")
	}
	report.URL, err = k.store.Put(ctx, path.Join(r.TaskID, strconv.Itoa(r.Attempt), report.Name), log)
	return err
}

// logReader reads the log alone out of a journal: all its streams, in their order, as the events have it.
type logReader struct {
	in   *bufio.Reader
	left int // bytes of the record that is being read
}

func newLogReader(j *journal) *logReader {
	return &logReader{in: bufio.NewReaderSize(io.NewSectionReader(j, 0, j.state().size), copyBuffer)}
}

func (l *logReader) Read(p []byte) (int, error) {
	for l.left == 0 {
		header, err := l.in.Peek(recordHeader)
		if err != nil {
			if err == io.EOF && len(header) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		word := binary.BigEndian.Uint64(header)
		kind, size := recordKind(word>>56), int(word&0xffffffff)
		stream, skip, err := streamOf(l.in, kind)
		if err != nil {
			return 0, err
		}
		if stream == "" {
			skip = size // an event, a verdict
		}
		if _, err := l.in.Discard(recordHeader + skip); err != nil {
			return 0, err
		}
		l.left = size - skip
	}
	n, err := l.in.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
