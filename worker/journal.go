package worker

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	"github.com/docker-worker/docker-worker/internal/mask"
)

// A journal is all that one attempt at a task has to tell, in order, in a file of the host: its log and its events. It
// separates two worlds: whoever writes (the reader of the container's output above all) is never kept waiting, because
// a stalled reader blocks the container and then even the engine's kill and inspect; whoever reads (the relay) goes at
// the pace of the broker.
//
// A record is eight bytes of header, as in Docker's own stream format (kind, three zero bytes, length as big-endian
// uint32), and the payload. A file that ends within a record was cut by a crash; what precedes is whole.
//
// When the disk refuses a write the journal does not: from then on log bytes are dropped and counted, and events are
// kept in memory behind the end of the file. All methods may be called from several goroutines.
type journal struct {
	mu       sync.Mutex
	file     *os.File // nil where none could be made
	fileSize int64    // bytes of whole records in file
	memory   []byte   // records behind fileSize, once broken
	broken   error    // the disk's refusal; nil as long as it takes what it is given
	urgent   int      // records appended that the relay should not hold back
	closed   bool
	wake     chan struct{} // holds one token when something changed

	masker *mask.Masker // of the task's secrets; the command's output is masked when it comes here

	limit      int64 // log bytes that are kept, all streams of the command; the rest is cut out before the end
	keptStdout int64
	keptStderr int64
	tail       tail

	keptService    int64 // bytes that services wrote, and that count as the command's do
	droppedService int64

	sum      hash.Hash
	summary  LogSummary
	released bool
}

type recordKind byte

// The kinds of records. The first three are streams of the log, numbered as Docker numbers them.
const (
	recordStdout recordKind = 1
	recordStderr recordKind = 2
	recordWorker recordKind = 3 // lines that the worker itself adds to the log
	recordEvent  recordKind = 4 // a journaledEvent in JSON
	// recordVerdict is a verdictRecord in JSON. It is for whoever opens the journal again; nobody publishes it.
	recordVerdict recordKind = 5
	recordService recordKind = 6 // what a service wrote: its name and the text, see serviceRecord

	recordLast = recordService
)

const recordHeader = 8

// streamNames are the values of the stream header of task.log.
var streamNames = map[recordKind]string{recordStdout: "stdout", recordStderr: "stderr", recordWorker: "worker"}

// journaledEvent waits in the journal for its envelope, which the relay adds with the sequence number.
type journaledEvent struct {
	Type    EventType       `json:"type"`
	Time    time.Time       `json:"time"`
	Details json.RawMessage `json:"details,omitempty"`
}

// openJournal makes a new journal at path, in place of what may be there. It always returns one: where the disk gives
// no file, the error says why, and the journal holds events in memory and counts the log as dropped.
func openJournal(path string, limit int64) (*journal, error) {
	j := newJournal(limit)
	j.file, j.broken = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	return j, j.broken
}

func newJournal(limit int64) *journal {
	return &journal{limit: limit, wake: make(chan struct{}, 1), sum: sha256.New(), tail: tail{size: tailSize}}
}

// restrict lowers the limit, before anything is written.
func (j *journal) restrict(limit int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.limit = min(j.limit, limit)
	j.tail.size = min(j.tail.size, j.limit/2)
}

// writeLog appends what the command wrote, framed[recordHeader:]; the bytes before are room for the header. It never
// fails: what cannot be kept is counted.
func (j *journal) writeLog(kind recordKind, framed []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := int64(len(framed) - recordHeader)
	if kind == recordStderr {
		j.summary.StderrBytes += n
	} else {
		j.summary.StdoutBytes += n
	}
	rest := framed[recordHeader:]
	// Most of the limit belongs to the beginning; what comes last is often what explains the end.
	if room := min(n, j.room()); room > 0 && j.store(kind, framed[:recordHeader+room]) {
		if kind == recordStderr {
			j.keptStderr += room
		} else {
			j.keptStdout += room
		}
		rest = rest[room:]
	}
	j.tail.write(kind, rest)
}

// room is how many bytes of the limit are left for the beginning of the log. Called with mu held.
func (j *journal) room() int64 {
	return j.limit - j.tail.size - j.keptStdout - j.keptStderr - j.keptService
}

// hasOutput tells whether the command has written anything to its standard output.
func (j *journal) hasOutput() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.summary.StdoutBytes > 0
}

// logf adds a line of the worker's own to the log.
func (j *journal) logf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.line(fmt.Sprintf(format, args...))
}

func (j *journal) line(text string) {
	j.append(recordWorker, fmt.Appendf(make([]byte, recordHeader), "%s\n", j.masker.Text(text)))
}

// hide masks secrets in the worker's own lines and in events from here on.
func (j *journal) hide(m *mask.Masker) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.masker = m
}

// machineMade are the fields of events that no secret is looked for in: machines read them, and made them. A short secret
// is found in a digest or a time by chance.
var machineMade = []string{"reason", "stage", "id", "containerId", "digest", "sha256", "claimed", "preparing", "started", "finished", "resolved", "leaseUntil"}

// emit appends an event.
func (j *journal) emit(event EventType, at time.Time, details any) {
	e := journaledEvent{Type: event, Time: at}
	var err error
	if details != nil {
		if e.Details, err = json.Marshal(details); err != nil {
			panic(fmt.Sprintf("worker: encode %s: %v", event, err)) // our own struct
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Details = j.masker.JSON(e.Details, machineMade...)
	payload, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("worker: encode %s: %v", event, err))
	}
	j.append(recordEvent, append(make([]byte, recordHeader), payload...))
}

// seal ends the log: the tail that was held back is written, with a line that says what is missing before it. The
// summary is final then; events may still follow.
func (j *journal) seal() LogSummary {
	j.mu.Lock()
	defer j.mu.Unlock()
	held := j.tail
	j.tail = tail{size: held.size}
	dropped := held.dropped + j.droppedService
	if dropped > 0 {
		why := fmt.Sprintf("the log is limited to %d bytes", j.limit)
		if j.broken != nil {
			why = fmt.Sprintf("the worker's disk refused them: %v", j.broken)
		}
		j.line(fmt.Sprintf("[docker-worker] %d bytes of the log are missing here: %s", dropped, why))
	}
	for kind, text := range held.chunks() {
		j.append(kind, append(make([]byte, recordHeader), text...))
	}
	j.summary.DroppedBytes = dropped
	j.summary.SHA256 = hex.EncodeToString(j.sum.Sum(nil))
	return j.summary
}

// close says that nothing follows. The relay ends when it has read all.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.notify()
}

// release gives the file back and removes it.
func (j *journal) release() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil || j.released {
		return nil
	}
	j.released = true
	err := os.Remove(j.file.Name())
	if cerr := j.file.Close(); err == nil {
		err = cerr
	}
	return err
}

// append adds one record, in memory where the disk refuses it; framed has room for the header in front. It is for what
// is small or bounded: events, the worker's lines, the tail. Called with mu held.
func (j *journal) append(kind recordKind, framed []byte) {
	if !j.store(kind, framed) {
		j.memory = append(j.memory, framed...)
		j.count(kind, framed[recordHeader:])
	}
}

// store adds one record to the file, and is false where the disk refuses it. Called with mu held.
func (j *journal) store(kind recordKind, framed []byte) bool {
	payload := framed[recordHeader:]
	binary.BigEndian.PutUint64(framed, uint64(kind)<<56|uint64(len(payload)))
	if j.broken == nil {
		// One write for a record: a crash leaves at most the last one torn.
		_, j.broken = j.file.Write(framed)
	}
	if j.broken != nil {
		return false
	}
	j.fileSize += int64(len(framed))
	j.count(kind, payload)
	return true
}

// count notes a record that was added, and wakes the relay. Called with mu held.
func (j *journal) count(kind recordKind, payload []byte) {
	switch kind {
	case recordEvent:
		j.urgent++
	case recordVerdict:
	default:
		if kind == recordService {
			payload = payload[servicePrefix(payload):]
		}
		j.summary.Bytes += int64(len(payload))
		j.sum.Write(payload)
	}
	j.notify()
}

func (j *journal) notify() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// journalState is what the relay steers by.
type journalState struct {
	size   int64 // bytes of records so far
	urgent int   // events among them
	closed bool  // nothing follows
}

func (j *journal) state() journalState {
	j.mu.Lock()
	defer j.mu.Unlock()
	return journalState{size: j.fileSize + int64(len(j.memory)), urgent: j.urgent, closed: j.closed}
}

// ReadAt reads records, from the file and what is in memory behind it. io.EOF is the end so far.
func (j *journal) ReadAt(p []byte, offset int64) (int, error) {
	j.mu.Lock()
	fileSize := j.fileSize
	if offset >= fileSize {
		defer j.mu.Unlock()
		if n := copy(p, j.memory[min(offset-fileSize, int64(len(j.memory))):]); n > 0 {
			return n, nil
		}
		return 0, io.EOF
	}
	j.mu.Unlock()
	return j.file.ReadAt(p[:min(int64(len(p)), fileSize-offset)], offset)
}
