package worker

import (
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/sandbox"
)

// A sandbox is believed when it answers what was asked, in time, and nothing else.
func TestSandboxLink(t *testing.T) {
	type script []struct {
		stream dockerapi.Stream
		text   string
	}
	const out, err = dockerapi.Stdout, dockerapi.Stderr
	for name, s := range map[string]struct {
		early script // before it is asked
		late  script
		ends  bool
		want  sandbox.Answer
		fails string
	}{
		"clean":                         {late: script{{out, "clean 7 8\n"}}, want: sandbox.Answer{In: 7, Out: 8}},
		"in pieces":                     {late: script{{out, "cle"}, {err, "x\n"}, {out, "an 7"}, {out, " 8\n"}}, want: sandbox.Answer{In: 7, Out: 8}},
		"dirty":                         {late: script{{out, "dirty: left: tcp 1\n"}}, want: sandbox.Answer{Dirty: "left: tcp 1"}},
		"no answer":                     {late: script{{out, "hello\n"}}, fails: "no answer"},
		"nothing":                       {fails: "said nothing for 10s"},
		"half a line":                   {late: script{{out, "clean 7 8"}}, fails: "said nothing for 10s"},
		"the end":                       {late: script{{err, "no such luck\n"}}, ends: true, fails: "has ended: no such luck"},
		"an answer without question":    {early: script{{out, "clean 7 8\n"}}, late: script{{out, "clean 7 8\n"}}, fails: "nobody has asked"},
		"answers without question":      {early: script{{out, "clean 7 8\nclean 7 8\n"}}, fails: "nobody has asked"},
		"a line that does not end":      {late: script{{out, strings.Repeat("x", 10000)}}, fails: "has ended"},
		"what is no frame of a process": {late: script{{dockerapi.SystemErr, "clean 7 8\n"}}, fails: "has ended"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				read, write := io.Pipe()
				say := func(lines script) {
					for _, l := range lines {
						frame := binary.BigEndian.AppendUint32([]byte{byte(l.stream), 0, 0, 0}, uint32(len(l.text)))
						if _, err := write.Write(append(frame, l.text...)); err != nil {
							return // nobody listens any more
						}
					}
				}
				asked := make(chan struct{}, 1)
				l := &sandboxLink{stream: &askedStream{read, asked}, cancel: func() {}, lines: make(chan string, 1), ended: make(chan struct{})}
				go l.listen()
				go say(s.early)
				synctest.Wait()
				go func() {
					<-asked
					say(s.late)
					if s.ends {
						write.Close()
					}
				}()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				got, err := l.check(ctx)
				if s.fails == "" && err != nil || s.fails != "" && (err == nil || !strings.Contains(err.Error(), s.fails)) {
					t.Errorf("error %v, want %q", err, s.fails)
				}
				if diff := cmp.Diff(s.want, got); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
				select {
				case asked <- struct{}{}: // where nothing was asked
				default:
				}
				l.close()
			})
		})
	}
}
