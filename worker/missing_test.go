package worker

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// files is a container's file system: modes by path.
type files map[string]fs.FileMode

type filesEngine struct {
	Engine
	files files
	err   error // instead of an answer
	asked []string
}

func (e *filesEngine) ContainerArchiveInfo(_ context.Context, _, path string) (dockerapi.PathStat, error) {
	e.asked = append(e.asked, path)
	if e.err != nil {
		return dockerapi.PathStat{}, e.err
	}
	mode, ok := e.files[path]
	if !ok {
		return dockerapi.PathStat{}, &dockerapi.Error{StatusCode: http.StatusNotFound, Message: "no such file"}
	}
	return dockerapi.PathStat{Mode: mode}, nil
}

// An exit code of 126 or 127 is the command's own, unless the container says that it cannot have been started.
func TestStartFailure(t *testing.T) {
	for name, test := range map[string]struct {
		argv  []string
		env   []string
		dir   string
		code  int
		files files
		err   error
		said  string // on standard output
		want  int    // the exit code of a start that failed; 0 for none
		asked []string
	}{
		"not there":                      {argv: []string{"nothere", "x"}, code: 127, want: 127, env: []string{"PATH=/bin:/opt"}, asked: []string{"/bin/nothere", "/opt/nothere"}},
		"there, and says 127":            {argv: []string{"sh", "x"}, code: 127, env: []string{"PATH=/bin"}, files: files{"/bin/sh": 0o755}, asked: []string{"/bin/sh"}},
		"a link is taken for a command":  {argv: []string{"sh", "x"}, code: 126, env: []string{"PATH=/bin"}, files: files{"/bin/sh": fs.ModeSymlink | 0o777}, asked: []string{"/bin/sh"}},
		"not executable":                 {argv: []string{"/data", "x"}, code: 126, files: files{"/data": 0o644}, want: 126, asked: []string{"/data"}},
		"a directory":                    {argv: []string{"/etc", "x"}, code: 126, files: files{"/etc": fs.ModeDir | 0o755}, want: 126, asked: []string{"/etc"}},
		"executable, and says 126":       {argv: []string{"/run.sh", "x"}, code: 126, files: files{"/run.sh": 0o755}, asked: []string{"/run.sh"}},
		"relative to the directory":      {argv: []string{"./run.sh", "x"}, dir: "/src", code: 127, want: 127, asked: []string{"/src/run.sh"}},
		"the last PATH counts":           {argv: []string{"x", "x"}, code: 127, want: 127, env: []string{"PATH=/a", "PATH=/b:tools"}, dir: "/src", asked: []string{"/b/x", "/src/tools/x"}},
		"another exit code is its own":   {argv: []string{"nothere", "x"}, code: 2},
		"podman, not there":              {argv: []string{"nothere", "x"}, code: 1, want: 127, env: []string{"PATH=/bin"}, asked: []string{"/bin/nothere"}},
		"podman, not executable":         {argv: []string{"/data", "x"}, code: 1, files: files{"/data": 0o644}, want: 126, asked: []string{"/data"}},
		"there, and says 1":              {argv: []string{"sh", "x"}, code: 1, env: []string{"PATH=/bin"}, files: files{"/bin/sh": 0o755}, asked: []string{"/bin/sh"}},
		"not there, but has spoken":      {argv: []string{"nothere", "x"}, code: 1, said: "something"},
		"an engine that does not say":    {argv: []string{"nothere", "x"}, code: 127, env: []string{"PATH=/bin"}, err: errors.New("away"), asked: []string{"/bin/nothere"}},
		"a container that does not say":  {code: 127},
		"127 of a file that is not gone": {argv: []string{"/data", "x"}, code: 127, files: files{"/data": 0o644}, asked: []string{"/data"}},
	} {
		t.Run(name, func(t *testing.T) {
			engine := &filesEngine{files: test.files, err: test.err}
			e := &execution{engine: engine, logger: slog.New(slog.DiscardHandler), id: "c1", journal: newTestJournal(t, 1<<20)}
			e.journal.writeLog(recordStdout, append(make([]byte, recordHeader), test.said...))
			err := e.startFailure(t.Context(), dockerapi.Container{
				State:  dockerapi.ContainerState{ExitCode: test.code},
				Config: dockerapi.InspectedConfig{Cmd: test.argv, Env: test.env, WorkingDir: test.dir},
			})
			got := 0
			if failed, ok := errors.AsType[*TaskError](err); ok && failed.Reason == StartFailed {
				got = failed.ExitCode
			}
			if got != test.want || got == 0 && err != nil {
				t.Errorf("%v, want a start that failed with %d", err, test.want)
			}
			if diff := cmp.Diff(test.asked, engine.asked); diff != "" {
				t.Errorf("looked for (-want +got):\n%s", diff)
			}
		})
	}
}
