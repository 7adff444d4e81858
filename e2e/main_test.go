//go:build integration

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// image has a shell; the tests' tasks run in it.
const image = "docker-worker/taskenv-pass"

// binaryVariable names the program under test. The environment is how TestMain tells it to the tests.
const binaryVariable = "DOCKER_WORKER_E2E_BINARY"

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if out, err := exec.Command("docker", "image", "inspect", image, "docker-worker/taskenv-fail").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the tests need a Docker engine with the images that dev/images.sh builds: %v\n%s", err, out)
		return 1
	}
	if os.Getenv(binaryVariable) == "" {
		dir, err := os.MkdirTemp("", "e2e-binary-")
		if err != nil {
			fmt.Fprintln(os.Stderr, "make a directory for the binary:", err)
			return 1
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "docker-worker")
		// As a release is built.
		build := exec.Command("go", "build", "-trimpath", "-tags", "urfave_cli_no_docs,nethttpomithttp2", "-ldflags", "-s -w", "-o", path, "github.com/docker-worker/docker-worker")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
			return 1
		}
		os.Setenv(binaryVariable, path)
	}
	return m.Run()
}
