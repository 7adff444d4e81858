//go:build integration

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// examples are the files of examples/, and what `docker-worker run` makes of each. A new one goes in here.
var examples = map[string]struct {
	code   int
	stdout string   // a part
	stderr string   // a part
	kept   []string // in the artifact store, below the task's own directory
}{
	"pass":                  {0, "hello from a container\n", "", nil},
	"fail":                  {3, "", "cannot say who", nil},
	"shell":                 {0, "green 3\n", "", nil},
	"limits":                {0, "open files: 256\ncore: 0\nshm: 8192k\n1000\n", "", nil},
	"stdin":                 {0, "apple\nfig\npear\n", "", nil},
	"last-words":            {9, "working\nsaving what there is\n", "timeout: maxRunTime exceeded", nil},
	"try-again":             {125, "attempt 1\n", "intermittent-task", nil}, // here there is no queue to go back to
	"secret":                {0, "token=[masked]\nbase64: dXNlcjp[masked]\nkim may be seen\n", "", nil},
	"docker-worker-payload": {0, "run 0 of ", "", nil},
	"cache":                 {0, "", "", nil},
	"files":                 {0, "colour = green\nhello kim\napple\npear\n", "", nil},
	"artifacts":             {4, "", "", []string{"log.txt", "logs/app.log", "pages/1.html", "pages/2.html", "report.json"}},
	"build":                 {0, "sorting\napple\nfig\nbuilt\n", "", []string{"dist.tar"}},
	"service":               {0, "hello from a service\n", "", nil},
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*.json")
	if err != nil || len(files) < len(examples) {
		t.Fatalf("%d files for %d examples: %v", len(files), len(examples), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			want, ok := examples[name]
			if !ok {
				t.Fatal("nobody says what comes of it: add it to the table")
			}
			store := t.TempDir()
			got := program(t, "", "run", "--artifact-store", store, file)
			if got.code != want.code || !strings.Contains(got.stdout, want.stdout) || !strings.Contains(got.stderr, want.stderr) {
				t.Errorf("exit code %d, want %d with %q and %q\nstdout:\n%s\nstderr:\n%s", got.code, want.code, want.stdout, want.stderr, got.stdout, got.stderr)
			}
			if diff := cmp.Diff(want.kept, kept(t, store)); diff != "" {
				t.Errorf("in the store (-want +got):\n%s", diff)
			}
		})
	}
}

// kept are the files in a store, without the directories of task and attempt.
func kept(t *testing.T, store string) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(store), ".", func(path string, d fs.DirEntry, err error) error {
		if parts := strings.SplitN(path, "/", 3); err == nil && !d.IsDir() {
			files = append(files, parts[2])
		}
		return err
	})
	if err != nil {
		t.Fatalf("look into the store: %v", err)
	}
	return files
}

// With a queue to go back to, the third attempt succeeds.
func TestExampleThatTriesAgain(t *testing.T) {
	s := newSite(t, brokertest.URL())
	l := s.listen(t)
	s.start(t)
	body, err := os.ReadFile("../examples/try-again.json")
	if err != nil {
		t.Fatal(err)
	}
	task := message(taskID(t), nil)
	task.Body = body
	s.submit(t, task)
	for attempt, want := range []string{1: "intermittent-task", 2: "intermittent-task", 3: "completed"} {
		if attempt == 0 {
			continue
		}
		if got := l.outcome(t, task.MessageId, attempt); got.Reason != want || got.Retrying != (attempt < 3) {
			t.Errorf("attempt %d: %s, retrying %v; want %s", attempt, got.Reason, got.Retrying, want)
		}
	}
}
