//go:build integration

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

func TestReplyQueueThatIsAbsentOrFull(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	p := s.start(t)
	full := brokertest.Queue(t, s.broker, amqp091.Table{"x-max-length": 1, "x-overflow": "reject-publish"})
	absent := brokertest.Name(t)
	for _, queue := range []string{absent, full} {
		id := taskID(t)
		task := shell(id, "echo here")
		task.ReplyTo = queue
		s.submit(t, task)
		if e := l.outcome(t, id, 1); e.Type != "task.completed" {
			t.Errorf("replies to %s: %s", queue, e.Body)
		}
		p.log.await(t, "replies to this queue are dropped", p.ended)
		if said := p.log.lines("queue=" + queue + " "); len(said) != 1 {
			t.Errorf("replies to %s: said %d times, want once:\n%s", queue, len(said), p.log)
		}
	}
	if len(l.repeats) > 0 {
		t.Errorf("events came twice: %v", l.repeats)
	}
}

func TestReplyQueueThatIsForbidden(t *testing.T) {
	t.Parallel()
	node := brokertest.StartNode(t)
	s := newSite(t, node.URL)
	l := s.listen(t)
	// All but the default exchange, through which replies go.
	node.Ctl(t, "add_user", "worker", "worker")
	node.Ctl(t, "set_permissions", "worker", ".*", "^"+strings.ReplaceAll(s.exchange, ".", `\.`)+"$", ".*")
	p := s.start(t, "--lease", "0", "--amqp", "amqp://worker:worker@"+brokertest.Host(t, node.URL))
	id := taskID(t)
	task := shell(id, "echo here")
	task.ReplyTo = s.queue + ".dead"
	s.submit(t, task)
	if e := l.outcome(t, id, 1); e.Type != "task.completed" {
		t.Errorf("the outcome: %s", e.Body)
	}
	p.log.await(t, "replies to this queue are dropped", p.ended)
	if n := brokertest.Count(t, s.broker, s.queue+".dead"); n != 0 {
		t.Errorf("%d replies came all the same", n)
	}
}

func TestEventsExchangeOfAnotherType(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	s.kind = "fanout"
	l := s.listen(t)
	p := s.start(t)
	id := taskID(t)
	s.submit(t, shell(id, "echo here"))
	if e := l.outcome(t, id, 1); e.Type != "task.completed" {
		t.Errorf("the outcome: %s", e.Body)
	}
	if said := p.log.lines("the events exchange is used as it is"); len(said) != 1 {
		t.Errorf("the log does not say that the exchange has another type:\n%s", p.log)
	}
}

func TestStateDirectoryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	tmpfs(t, s.stateDir, syscall.MS_RDONLY, "")
	p := s.launch(t)
	if code := p.exit(t); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if last := p.log.lines("docker-worker: "); len(last) != 1 || !strings.Contains(last[0], s.stateDir) {
		t.Errorf("want one line that names %s:\n%s", s.stateDir, p.log)
	}
}

// TestDiskWithoutFiles: not even a journal can be made. It is nobody's fault but the host's: the task comes again.
func TestDiskWithoutFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	tmpfs(t, s.stateDir, 0, "nr_inodes=64")
	l := s.listen(t)
	s.start(t)
	var ballast []string
	for i := 0; ; i++ {
		name := filepath.Join(s.stateDir, fmt.Sprintf("ballast%d", i))
		file, err := os.Create(name)
		if err != nil {
			break
		}
		_ = file.Close()
		ballast = append(ballast, name)
	}
	id := taskID(t)
	s.submit(t, shell(id, "echo here"))
	e := l.outcome(t, id, 1)
	if e.Type != "task.exception" || e.Reason != "resource-unavailable" || !e.Retrying || !strings.Contains(e.Message, "no space left on device") {
		t.Errorf("the outcome: %s", e.Body)
	}
	for _, name := range ballast {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	last := l.await(t, "an outcome that is final", func(e event) bool { return isOutcome(e) && e.TaskID == id && !e.Retrying })
	if last.Type != "task.completed" {
		t.Errorf("the outcome with room on the disk: %s", last.Body)
	}
	l.checkLog(t, last)
}

// TestDiskWithoutBlocks: a journal can be made and takes no bytes. The task does not suffer; its log does, and says so.
func TestDiskWithoutBlocks(t *testing.T) {
	t.Parallel()
	s := newSite(t, brokertest.URL())
	tmpfs(t, s.stateDir, 0, "size=4m")
	l := s.listen(t)
	s.start(t)
	ballast := filepath.Join(s.stateDir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	run := func(script string) (event, string) {
		id := taskID(t)
		s.submit(t, shell(id, script))
		e := l.outcome(t, id, 1)
		if e.Type != "task.completed" {
			t.Errorf("%s: %s", script, e.Body)
		}
		l.checkLog(t, e)
		_, _, text := l.log(id, 1)
		return e, text
	}
	if _, text := run("echo here"); text != "here\n" {
		t.Errorf("the log of a task that says little: %q", text)
	}
	long := "head -c 500000 /dev/zero | tr '\\0' x; echo end"
	e, text := run(long)
	if e.Log.DroppedBytes == 0 || e.Log.StdoutBytes != 500004 || !strings.HasSuffix(text, "xend\n") ||
		!strings.Contains(text, fmt.Sprintf("%d bytes of the log are missing here: the worker's disk refused them", e.Log.DroppedBytes)) {
		t.Errorf("the log of a task that says much: %.300q …, %+v", text, e.Log)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if e, _ := run(long); e.Log.DroppedBytes != 0 || e.Log.Bytes != 500004 {
		t.Errorf("the log with room on the disk: %+v", e.Log)
	}
}

// tmpfs mounts a file system of its own on dir until the end of the test.
func tmpfs(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Fatalf("mount a tmpfs on %s (root is needed): %v", dir, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}
