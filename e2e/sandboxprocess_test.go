//go:build integration

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// sandboxProcess is the hidden command, in a network namespace of its own.
type sandboxProcess struct {
	cmd       *exec.Cmd
	questions io.WriteCloser
	answers   *bufio.Scanner
}

func startSandbox(t *testing.T, args ...string) *sandboxProcess {
	t.Helper()
	p := &sandboxProcess{cmd: exec.Command("sh", append([]string{"-c", `ip link set lo up && exec "$0" sandbox "$@"`, os.Getenv(binaryVariable)}, args...)...)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.questions, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	answers, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.answers = bufio.NewScanner(answers)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start a sandbox (root is needed): %v", err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	if got := p.line(t); got != "ready" {
		t.Fatalf("it says %q, want ready", got)
	}
	return p
}

func (p *sandboxProcess) line(t *testing.T) string {
	t.Helper()
	if !p.answers.Scan() {
		t.Fatalf("the sandbox says no more: %v", p.answers.Err())
	}
	return p.answers.Text()
}

func (p *sandboxProcess) ask(t *testing.T, question string) string {
	t.Helper()
	if _, err := fmt.Fprintln(p.questions, question); err != nil {
		t.Fatal(err)
	}
	return p.line(t)
}

// in runs a command in the sandbox's network.
func (p *sandboxProcess) in(t *testing.T, script string) string {
	t.Helper()
	return tool(t, "nsenter", "--target", strconv.Itoa(p.cmd.Process.Pid), "--net", "sh", "-c", script)
}

func TestSandboxProcess(t *testing.T) {
	t.Parallel()
	p := startSandbox(t, "--deny", "192.0.2.0/24", "--deny", "2001:db8::/32", "--allow", "192.0.2.128/25")
	if got := p.ask(t, "check"); got != "clean 0 0" {
		t.Errorf("at the start: %q", got)
	}
	for _, c := range []struct{ to, want string }{
		{"192.0.2.1", "No route to host"}, {"2001:db8::1", "No route to host"}, {"::ffff:192.0.2.1", ""}, {"192.0.2.129", "Network is unreachable"},
	} {
		if out := p.in(t, "ip route get "+c.to+" 2>&1; true"); c.want != "" && !strings.Contains(out, c.want) {
			t.Errorf("a route to %s: %s want %s", c.to, out, c.want)
		}
	}

	// No thread has any right left, or can get one.
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads: %v, %v", threads, err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`CapInh:\t0+\n`, `CapPrm:\t0+\n`, `CapEff:\t0+\n`, `CapAmb:\t0+\n`, `NoNewPrivs:\t1\n`} {
			if !regexp.MustCompile(want).Match(status) {
				t.Errorf("%s lacks %s", thread, want)
			}
		}
	}

	for _, c := range []struct{ do, undo, want string }{
		{"ip route add 198.51.100.0/24 dev lo", "ip route del 198.51.100.0/24", "dirty: left: route"},
		{"ip rule add to 198.51.100.0/24 prio 5 lookup main", "ip rule del prio 5", "dirty: left: rule"},
		{"ip addr add 198.51.100.1/32 dev lo", "ip addr del 198.51.100.1/32 dev lo", "dirty: left: address"},
		{"ip route del unreachable 192.0.2.0/24 table 77", "ip route add unreachable 192.0.2.0/24 table 77 proto static", "dirty: gone: route"},
	} {
		p.in(t, c.do)
		if got := p.ask(t, "check"); !strings.HasPrefix(got, c.want) {
			t.Errorf("after %s: %q, want %s", c.do, got, c.want)
		}
		p.in(t, c.undo)
		if got := p.ask(t, "check"); got != "clean 0 0" {
			t.Errorf("after %s: %q", c.undo, got)
		}
	}
	if got := p.ask(t, "how are you?"); !strings.HasPrefix(got, "dirty: ") {
		t.Errorf("a question that it does not know is answered with %q", got)
	}

	// The end of its input is not its end; SIGTERM is.
	_ = p.questions.Close()
	p.in(t, "true")
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if p.answers.Scan() {
		t.Errorf("it says %q at the end", p.answers.Text())
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// A process that cannot do what it should says so in a line, and is never ready.
func TestSandboxFailsClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		nobody bool
		want   string
	}{
		"without the right to":   {[]string{"sandbox", "--deny", "192.0.2.0/24"}, true, "close the network: make a rule for IPv4: operation not permitted"},
		"with no policy, either": {[]string{"sandbox"}, true, "operation not permitted"},
		"a range that is none":   {[]string{"sandbox", "--deny", "192.0.2.0/33"}, false, "is no range"},
		"a range twice":          {[]string{"sandbox", "--deny", "192.0.2.0/24", "--deny", "192.0.2.0/24"}, false, "make a route to 192.0.2.0/24: file exists"},
	} {
		cmd := command(t.Context(), nil, c.args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET}
		if c.nobody {
			cmd = exec.Command("unshare", append([]string{"--net", "setpriv", "--bounding-set=-all", "--inh-caps=-all", os.Getenv(binaryVariable)}, c.args...)...)
		}
		var out, complaint strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &complaint
		err := cmd.Run()
		if err == nil || out.Len() > 0 || strings.Count(complaint.String(), "\n") != 1 || !strings.Contains(complaint.String(), c.want) {
			t.Errorf("%s: %v, it says %q and %q; want a line with %q", name, err, out.String(), complaint.String(), c.want)
		}
	}
}
