package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/docker-worker/docker-worker"

// TestImportDirections holds the packages to the picture in docs/architecture.md: who may import whom, of this module
// and of others. What a package is not allowed here it does not import, not even through somebody else.
func TestImportDirections(t *testing.T) {
	allowed := map[string][]string{
		module + "/schema":                {},
		module + "/dockerapi":             {},
		module + "/amqp":                  {"github.com/rabbitmq/amqp091-go"},
		module + "/internal/transfer":     {},
		module + "/internal/unpack":       {"github.com/klauspost/compress"},
		module + "/internal/scratch":      {},
		module + "/internal/mask":         {},
		module + "/internal/seal":         {},
		module + "/internal/signature":    {},
		module + "/internal/sandbox":      {},
		module + "/internal/sandboximage": {},
		module + "/internal/resident":     {},
		module + "/internal/spelling":     {},
		module + "/internal/commandline":  {module + "/internal/spelling", "github.com/urfave/cli"},
		// The format of a task knows nothing that does anything.
		module + "/worker/task": {module + "/schema", module + "/internal/spelling", "github.com/santhosh-tekuri/jsonschema", "golang.org/x/text"},
		module + "/worker/artifact": {module + "/worker/task", module + "/dockerapi", module + "/internal/transfer", module + "/internal/scratch",
			module + "/internal/spelling", module + "/schema", "github.com/santhosh-tekuri/jsonschema", "golang.org/x/text"},
		module + "/worker": {module + "/worker/task", module + "/worker/artifact", module + "/dockerapi", module + "/schema", module + "/internal/spelling",
			module + "/internal/transfer", module + "/internal/unpack", module + "/internal/scratch", "github.com/klauspost/compress",
			module + "/internal/mask", module + "/internal/seal", module + "/internal/signature", module + "/internal/sandbox", module + "/internal/sandboximage",
			"github.com/santhosh-tekuri/jsonschema", "golang.org/x/text"},
	}
	for pkg, may := range allowed {
		for _, dep := range dependencies(t, pkg) {
			if dep == pkg || strings.HasPrefix(dep, pkg+"/internal/") || !strings.Contains(strings.Split(dep, "/")[0], ".") {
				continue // itself, or the standard library
			}
			if !slices.ContainsFunc(may, func(m string) bool { return dep == m || strings.HasPrefix(dep, m+"/") }) {
				t.Errorf("%s must not import %s", pkg, dep)
			}
		}
	}
}

// TestImportDirectionsKnowAllPackages fails when a package appears that has no rule: it should get one.
func TestImportDirectionsKnowAllPackages(t *testing.T) {
	known := []string{module, module + "/schema", module + "/dockerapi", module + "/amqp", module + "/worker", module + "/worker/task",
		module + "/worker/artifact",
		module + "/internal/mask", module + "/internal/seal", module + "/internal/signature",
		module + "/internal/transfer", module + "/internal/unpack", module + "/internal/scratch",
		module + "/internal/sandbox", module + "/internal/sandboximage", module + "/internal/resident",
		module + "/internal/spelling", module + "/internal/commandline"}
	for _, pkg := range dependencies(t, ".") {
		if strings.HasPrefix(pkg, module) && !slices.Contains(known, pkg) {
			t.Errorf("the program contains %s, which has no rule in TestImportDirections", pkg)
		}
	}
}

// TestFewModules holds the number of modules that the program is built from. Each direct one has its reason in
// docs/decisions.
func TestFewModules(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Indirect}}{{.Path}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	direct := slices.DeleteFunc(slices.Compact(modules), func(m string) bool { return m == module })
	if len(direct) > 6 {
		t.Errorf("%d direct modules are in the program, at most 6 are wanted: %v", len(direct), direct)
	}
}

func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest", pkg).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}
