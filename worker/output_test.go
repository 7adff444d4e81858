package worker

import (
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

func frame(stream dockerapi.Stream, text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{byte(stream), 0, 0, 0}, uint32(len(text)))) + text
}

// Frames arrive cut anywhere; what the engine itself says inside the stream is told as such, and a stream that breaks
// is an error, with what came before in the journal.
func TestCopyOutput(t *testing.T) {
	whole := frame(dockerapi.Stdout, "out\n") + frame(dockerapi.Stderr, "err\n") + frame(dockerapi.SystemErr, "the disk is full") + frame(dockerapi.Stdin, "echo\n")
	said := []chunk{{recordStdout, "out\n"}, {recordStderr, "err\n"}, {recordWorker, "[docker-worker] the engine says: the disk is full\n"}, {recordStdout, "echo\n"}}
	for name, test := range map[string]struct {
		stream io.Reader
		want   []chunk
		err    error
	}{
		"in one piece":        {strings.NewReader(whole), said, nil},
		"byte by byte":        {iotest.OneByteReader(strings.NewReader(whole[:24])), said[:2], nil},
		"cut within a frame":  {strings.NewReader(whole[:10]), []chunk{{recordStdout, "ou"}}, io.ErrUnexpectedEOF},
		"cut within a header": {strings.NewReader(whole[:14]), said[:1], io.ErrUnexpectedEOF},
		"broken":              {io.MultiReader(strings.NewReader(whole), iotest.ErrReader(errors.ErrUnsupported)), said, errors.ErrUnsupported},
		"empty":               {strings.NewReader(""), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			j := newTestJournal(t, 1<<20)
			e := &execution{journal: j, transcript: newTranscript(j, nil), logger: slog.New(slog.DiscardHandler), begin: func(time.Time) {}}
			if err := e.copyOutput(test.stream); !errors.Is(err, test.err) {
				t.Errorf("error: %v, want %v", err, test.err)
			}
			got := merged(records(t, j, rand.New(rand.NewPCG(1, 1))))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The engine behind a client keeps the client's promises: a stream and a wait, or an error.
func TestDockerIsAnEngine(t *testing.T) {
	status := http.StatusOK
	client, err := dockerapi.New(dockerapi.Config{APIVersion: "1.41", Transport: roundTrip(func(r *http.Request) (int, string) {
		if strings.HasSuffix(r.URL.Path, "/wait") {
			return status, `{"StatusCode": 3}`
		}
		return status, "output"
	})})
	if err != nil {
		t.Fatal(err)
	}
	engine := Docker(client)
	output, err := engine.ContainerAttach(t.Context(), "c", dockerapi.AttachOptions{Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(output); err != nil || string(text) != "output" {
		t.Errorf("output: %q, %v", text, err)
	}
	wait, err := engine.ContainerWait(t.Context(), "c", dockerapi.WaitNextExit)
	if err != nil {
		t.Fatal(err)
	}
	if exit, err := wait.Result(); err != nil || exit.StatusCode != 3 {
		t.Errorf("exit: %v, %v", exit, err)
	}

	status = http.StatusNotFound
	if _, err := engine.ContainerAttach(t.Context(), "c", dockerapi.AttachOptions{}); !dockerapi.IsNotFound(err) {
		t.Errorf("attach to nothing: %v", err)
	}
	if _, err := engine.ContainerWait(t.Context(), "c", dockerapi.WaitNextExit); !dockerapi.IsNotFound(err) {
		t.Errorf("wait for nothing: %v", err)
	}
}

// The output is still open when the worker has done with it. That the reader then finds it closed is no trouble.
func TestClosedOutputDidNotBreakOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engine.program = func(p *process) int {
			p.leave(func() { p.sleep(time.Hour) })
			return 0
		}
		r.start()
		<-r.deliver(someTask).settled
		r.end()
		if r.operator.has("broke off") {
			t.Error("the operator is told that the output broke off")
		}
	})
}
