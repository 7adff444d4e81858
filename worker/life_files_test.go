package worker

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/worker/task"
)

// archiveOf is a tar of files (name=text) and links (name->target).
func archiveOf(t testing.TB, files ...string) string {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Mode: 0o4755}
		name, text, _ := strings.Cut(f, "=")
		if at, target, ok := strings.Cut(f, "->"); ok {
			name, text, h.Typeflag, h.Linkname = at, "", tar.TypeSymlink, target
		}
		h.Name, h.Size = name, int64(len(text))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestFilesAreThere: what the task brings along is in the container when the command starts.
func TestFilesAreThere(t *testing.T) {
	archive := archiveOf(t, "bin/tool=#!", "bin/run->tool")
	sum := sha256.Sum256([]byte("data"))
	for name, test := range map[string]struct {
		image []string // what there is
		files string
		want  []string // what was put there
	}{
		"a text":                   {files: `"/a.txt": {"content": "é\n"}`, want: []string{"/a.txt 0 644 é\n"}},
		"bytes, and a mode":        {files: `"/a": {"content": "AP8=", "encoding": "base64", "mode": "0750"}`, want: []string{"/a 0 750 \x00\xff"}},
		"nothing at all":           {files: `"/a": {"content": ""}`, want: []string{"/a 0 644 "}},
		"directories are made":     {image: []string{"/src"}, files: `"/src/a/b/c": {"content": "x"}, "/src/a/b/d": {"content": "y"}`, want: []string{"/src/a 5 755 ", "/src/a/b 5 755 ", "/src/a/b/c 0 644 x", "/src/a/b/d 0 644 y"}},
		"a file is replaced":       {image: []string{"/etc", "/etc/hosts=old"}, files: `"/etc/hosts": {"content": "new"}`, want: []string{"/etc/hosts 0 644 new"}},
		"links are followed":       {image: []string{"/run", "/var", "/var/run->/run"}, files: `"/var/run/app/pid": {"content": "1"}`, want: []string{"/run/app 5 755 ", "/run/app/pid 0 644 1"}},
		"links to what is not yet": {image: []string{"/data->/mnt/data"}, files: `"/data/x": {"content": "1"}`, want: []string{"/mnt 5 755 ", "/mnt/data 5 755 ", "/mnt/data/x 0 644 1"}},
		"the file is a link":       {image: []string{"/etc", "/etc/real=old", "/etc/conf->/etc/real"}, files: `"/etc/conf": {"content": "new"}`, want: []string{"/etc/real 0 644 new"}},
		"from the web":             {files: `"/d": {"url": "http://web/data?secret", "sha256": "` + hex.EncodeToString(sum[:]) + `"}`, want: []string{"/d 0 644 data"}},
		"an archive":               {files: `"/opt/x": {"url": "http://web/archive", "extract": true}`, want: []string{"/opt 5 755 ", "/opt/x 5 755 ", "/opt/x/bin 5 755 ", "/opt/x/bin/run 2 755 tool", "/opt/x/bin/tool 0 755 #!"}},
		"over an archive":          {image: []string{"/opt"}, files: `"/opt": {"url": "http://web/archive", "extract": true}, "/opt/bin/more/tool": {"content": "x"}`, want: []string{"/opt/bin 5 755 ", "/opt/bin/more 5 755 ", "/opt/bin/more/tool 0 644 x", "/opt/bin/run 2 755 tool", "/opt/bin/tool 0 755 #!"}},
		"an archive at the root":   {image: []string{"/opt"}, files: `"/.": {"url": "http://web/archive", "extract": true}`, want: []string{"/bin 5 755 ", "/bin/run 2 755 tool", "/bin/tool 0 755 #!"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				files := newFakeFiles(test.image...)
				var atStart []string
				r := newRig(t)
				r.engine.archiveEngine = files
				r.engine.program = func(*process) int { atStart = files.list(); return 0 }
				r.cfg.Transfers.Client = (&web{answer: func(r *http.Request, _ string) (int, string) {
					return http.StatusOK, map[string]string{"/data": "data", "/archive": archive}[r.URL.Path]
				}}).client()
				r.start()
				claim := r.deliver(`{"image": "tool", "files": {` + test.files + `}}`)
				r.end()
				got, log := r.told("t1", claim)
				if diff := cmp.Diff(story{Events: "claimed preparing started completed", Reason: Completed, ExitCode: "0", Settled: "done"}, got); diff != "" {
					t.Errorf("%s\n%s", diff, log)
				}
				if diff := cmp.Diff(test.want, atStart); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestFilesThatCannotBe: what is wrong with a file is the task's fault, and is said with the place in the task; what is
// wrong with a server or the engine may pass.
func TestFilesThatCannotBe(t *testing.T) {
	malformed := story{Events: "claimed preparing log exception", Reason: MalformedPayload, Settled: "dead-letter"}
	again := story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"}
	for name, test := range map[string]struct {
		image   []string
		files   string
		refuse  error
		want    story
		problem string // its pointer, and what it says
	}{
		"not found":              {files: `"/a/~b": {"url": "http://web/404?secret"}`, want: malformed, problem: "/files/~1a~1~0b: download http://web/404: the server answers 404 Not Found"},
		"another checksum":       {files: `"/a": {"url": "http://web/200", "sha256": "` + strings.Repeat("0", 64) + `"}`, want: malformed, problem: "/files/~1a: download http://web/200: its sha256 is "},
		"too large":              {files: `"/a": {"content": "01234567890123456789"}, "/b": {"url": "http://web/200"}`, want: malformed, problem: "/files/~1b: download http://web/200: it is larger than the 12 bytes that are allowed"},
		"too large a text":       {files: `"/a": {"content": "` + strings.Repeat("x", 33) + `"}`, want: malformed, problem: "/files/~1a: the files of this task are larger than this worker takes (its --max-file-size)"},
		"no archive":             {files: `"/a": {"content": "text", "extract": true}`, want: malformed, problem: "/files/~1a: the archive is not a tar, tar.gz, tar.zst or zip"},
		"hostile archive":        {files: `"/a": {"url": "http://web/hostile", "extract": true}`, want: malformed, problem: `/files/~1a: archive entry "../x" has .. in its name`},
		"a directory":            {image: []string{"/a"}, files: `"/a": {"content": "x"}`, want: malformed, problem: "/files/~1a: /a is a directory in the image"},
		"an archive over a file": {image: []string{"/a=x"}, files: `"/a": {"url": "http://web/200", "extract": true}`, want: malformed, problem: "/files/~1a: /a is a file in the image"},
		"below a file":           {image: []string{"/a=x"}, files: `"/a/b": {"content": "x"}`, want: malformed, problem: "/files/~1a~1b: is below /a, which is no directory"},
		"below another":          {files: `"/a": {"content": "x"}, "/a/b": {"content": "x"}`, want: malformed, problem: "/files/~1a~1b: is below /a, which is no directory"},
		"links in a ring":        {image: []string{"/a->/b", "/b->/a"}, files: `"/a/x": {"content": "x"}`, want: malformed, problem: "/files/~1a~1x: leads through too many symbolic links"},
		"a server in trouble":    {files: `"/a": {"url": "http://web/503?secret"}`, want: again, problem: "put /a into the container: download http://web/503: the server answers 503 Service Unavailable (tried 5 times)"},
		"a server that is mute":  {files: `"/a": {"url": "http://web/0"}`, want: again, problem: "download http://web/0: no byte has moved for 1m0s (tried 5 times)"},
		"an engine in trouble":   {files: `"/a": {"content": "x"}`, refuse: engineAnswer(500), want: again, problem: "put /a into the container: "},
		"an engine that cannot":  {files: `"/a": {"content": "x"}`, refuse: engineAnswer(400), want: malformed, problem: "/files/~1a: "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				files := newFakeFiles(test.image...)
				files.refuse = test.refuse
				r.engine.archiveEngine = files
				r.cfg.Transfers.MaxFileSize = 32
				if strings.Contains(test.files, "extract") {
					r.cfg.Transfers.MaxFileSize = 1 << 20
				}
				r.cfg.Transfers.Client = (&web{answer: func(r *http.Request, _ string) (status int, content string) {
					if r.URL.Path == "/hostile" {
						return http.StatusOK, archiveOf(t, "../x=out")
					}
					fmt.Sscanf(r.URL.Path, "/%d", &status)
					return status, "the content of it"
				}}).client()
				r.start()
				claim := r.deliver(`{"image": "tool", "files": {` + test.files + `}}`)
				r.await(10 * time.Minute)
				r.end()
				got, log := r.told("t1", claim)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s\n%s", diff, log)
				}
				if !strings.Contains(log, test.problem) || strings.Contains(log, "secret") {
					t.Errorf("the log does not say %q:\n%s", test.problem, log)
				}
				if test.want.Reason == MalformedPayload {
					want := []task.Problem{{Pointer: strings.SplitN(test.problem, ":", 2)[0]}}
					if diff := cmp.Diff(want, r.outcome().Problems, cmp.Comparer(func(a, b task.Problem) bool { return a.Pointer == b.Pointer })); diff != "" {
						t.Error(diff)
					}
				}
			})
		})
	}
}

// TestFilesTakeTooLong: a server that gives a byte now and then does not hold up a slot for ever, nor a cancelled task.
func TestFilesTakeTooLong(t *testing.T) {
	mute := func(c *Config) {
		c.Transfers.Client = (&web{answer: func(*http.Request, string) (int, string) { return 0, "" }}).client()
		c.Transfers.Client.Inactivity = 24 * time.Hour
	}
	files := `{"image": "tool", "files": {"/a": {"url": "http://web/"}}}`
	live(t, map[string]scenario{
		"for the worker": {
			task: files, config: mute, engine: func(e *fakeEngine) { e.archiveEngine = newFakeFiles() },
			meanwhile: func(r *rig, _ *fakeClaim) { r.await(31 * time.Minute) },
			log:       []string{"the files of the task took longer than 30m0s"},
			want:      story{Events: "claimed preparing log exception", Reason: ResourceUnavailable, Retrying: true, Settled: "retry 1"},
		},
		"for the sender": {
			task: files, config: mute, engine: func(e *fakeEngine) { e.archiveEngine = newFakeFiles() },
			meanwhile: func(r *rig, _ *fakeClaim) { r.worker.Cancel("t1") },
			want:      story{Events: "claimed preparing log exception", Reason: Canceled, Settled: "done"},
		},
	})
}

// TestFilesAfterACrash: a container that was started is left as it is; one that was only made gets everything anew.
func TestFilesAfterACrash(t *testing.T) {
	for name, started := range map[string]bool{"made": false, "started": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				files := newFakeFiles()
				r.engine.archiveEngine = files
				e := r.leave(TaskClaimed, TaskPreparing)
				e.delivery.Body = []byte(`{"image": "tool", "files": {"/a": {"content": "x"}}}`)
				e.created()
				if started {
					e.started().recently()
				}
				r.start()
				r.end()
				if want := map[bool]int{false: 1, true: 0}[started]; files.puts != want {
					t.Errorf("%d uploads, want %d", files.puts, want)
				}
				if got, log := r.told("t1", e.claim); got.Reason != Completed {
					t.Errorf("%+v\n%s", got, log)
				}
			})
		})
	}
}
