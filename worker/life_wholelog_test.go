package worker

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/worker/artifact"
)

// A task's log goes where the task wants it, whole and as the events have it; and what becomes of it changes nothing else.
func TestWholeLog(t *testing.T) {
	const said = "out 1\nerr\nout 2\n[docker-worker] timeout: maxRunTime exceeded: 1s\n"
	for name, test := range map[string]struct {
		log    string
		store  bool
		status int
		want   ArtifactReport // without what the log's summary says
		put    []string       // what a server has got
		kept   string         // the file in the store
	}{
		"to an address":   {log: `{"url": "http://web/log?secret"}`, status: 200, want: ArtifactReport{Name: "log", URL: "http://web/log"}, put: []string{"PUT http://web/log?secret " + said[:len(said)-1]}},
		"an upload fails": {log: `{"url": "http://web/log?secret"}`, status: 403, want: ArtifactReport{Name: "log", Error: "upload http://web/log: the server answers 403 Forbidden"}, put: []string{"PUT http://web/log?secret " + said[:len(said)-1]}},
		"to the store":    {log: `"public/logs/live.log"`, store: true, want: ArtifactReport{Name: "public/logs/live.log"}, kept: "t1/1/public/logs/live.log"},
		"no store":        {log: `"public/log"`, want: ArtifactReport{Name: "public/log", Error: "this worker has no --artifact-store"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				server := &web{answer: func(*http.Request, string) (int, string) { return test.status, "" }}
				r.cfg.Transfers.Client = server.client()
				dir := t.TempDir()
				if test.store {
					store, err := artifact.NewStore(dir, nil, dir)
					if err != nil {
						t.Fatal(err)
					}
					r.cfg.Transfers.Store = store
				}
				r.engine.program = func(p *process) int {
					_, _ = io.WriteString(p.Stdout, "out 1\n")
					_, _ = io.WriteString(p.Stderr, "err\n")
					_, _ = io.WriteString(p.Stdout, "out 2\n")
					<-p.Stop
					return 143
				}
				r.start()
				claim := r.deliver(fmt.Sprintf(`{"image": "tool", "maxRunTime": 1, "log": %s}`, test.log))
				r.end()
				got, log := r.told("t1", claim)
				if diff := cmp.Diff(story{Events: "claimed preparing started log artifact failed", Reason: Timeout, ExitCode: "143", Settled: "done"}, got); diff != "" {
					t.Errorf("%s\n%s", diff, log)
				}
				if log != said {
					t.Errorf("the log is %q", log)
				}
				out := r.outcome()
				want := test.want
				want.Size, want.SHA256, want.ContentType = out.Log.Bytes, out.Log.SHA256, logType
				if test.kept != "" {
					want.URL = "file://" + filepath.Join(dir, test.kept)
					if text, err := os.ReadFile(filepath.Join(dir, test.kept)); err != nil || string(text) != said {
						t.Errorf("kept is %q, %v", text, err)
					}
				}
				if diff := cmp.Diff([]ArtifactReport{want}, out.Artifacts); diff != "" {
					t.Error(diff)
				}
				if !slices.Equal(server.seen, test.put) {
					t.Errorf("the server got %q", server.seen)
				}
			})
		})
	}
}
