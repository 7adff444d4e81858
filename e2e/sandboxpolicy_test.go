//go:build integration

package e2e

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// metadata is the address at which clouds give credentials away.
const metadata = "169.254.169.254"

// A task that is root cannot reach the metadata service, nor change that. It could otherwise: the same task does on a
// worker that denies nothing.
func TestMetadataIsDenied(t *testing.T) {
	t.Parallel()
	engine := startEngine(t)
	serveMetadata(t, engine)
	const gateway = "172.17.0.1" // the first that an engine takes in a namespace of its own

	const try = `id -u; timeout 5 wget -q -O - http://%/ || echo unreachable`
	at := func(address string) string { return strings.ReplaceAll(try, "%", address) }
	const undo = `for way in "ip route flush table 77" "ip rule del prio 100" "ip rule add prio 1 lookup main" "ip route add 169.254.169.254 dev eth0" \
		"ip addr add 169.254.169.1/24 dev eth0" "ip link set eth0 down" "ip link add x type dummy" "unshare -n true"; do $way 2>/dev/null && echo "undone by $way"; done; `
	for _, c := range []struct {
		name  string
		flags []string
		task  string
		want  string
	}{
		{"by default", nil, at(metadata), "0\nunreachable\n"},
		{"by default and root tries to undo it", nil, undo + at(metadata), "0\nunreachable\n"},
		{"by default others are not", nil, at(gateway), "0\nsecret\n"},
		{"nothing is denied", []string{"--deny-network", "none"}, at(metadata), "0\nsecret\n"},
		{"no sandbox", []string{"--sandboxes", "0"}, at(metadata), "0\nsecret\n"},
		{"the neighbours", []string{"--deny-network", gateway + "/32"}, at(gateway), "0\nunreachable\n"},
		{"the neighbours and the default as well", []string{"--deny-network", gateway + "/32"}, at(metadata), "0\nunreachable\n"},
		{"the whole bridge but not the way out", []string{"--deny-network", "172.17.0.0/16", "--allow-network", metadata}, at(gateway) + "; " + at(metadata), "0\nunreachable\n0\nsecret\n"},
		{"with an exception", []string{"--deny-network", "169.254.0.0/16", "--allow-network", metadata}, at(metadata), "0\nsecret\n"},
		{"with another exception", []string{"--deny-network", "169.254.0.0/16", "--allow-network", "169.254.1.0/24"}, at(metadata), "0\nunreachable\n"},
		{"all of it", []string{"--deny-network", "0.0.0.0/0"}, at(gateway), "0\nunreachable\n"},
		{"all of it one after the other", []string{"--deny-network", "0.0.0.0/0", "--sandbox-reuse", "never"}, at(metadata), "0\nunreachable\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, brokertest.URL())
			s.engine = engine.host
			l := s.listen(t)
			p := s.start(t, c.flags...)
			for range 2 { // in a new sandbox, and in a used one
				id := taskID(t)
				s.submit(t, shell(id, c.task))
				l.outcome(t, id, 1)
				if got := l.stream(id, 1, "stdout"); got != c.want {
					t.Errorf("%q, want %q; %s", got, c.want, l.stream(id, 1, "stderr"))
				}
			}
			p.drain(t)
		})
	}
}

// serveMetadata gives an engine's host the address, and something that listens there and everywhere else.
func serveMetadata(t *testing.T, engine *ownEngine) {
	t.Helper()
	home := strconv.Itoa(engine.home.Process.Pid)
	tool(t, "nsenter", "--target", home, "--net", "ip", "addr", "add", metadata+"/32", "dev", "docker0")
	cmd := exec.Command("nsenter", "--target", home, "--net", "/usr/bin/python3", "-c", `
import http.server
class Credentials(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"secret\n")
server = http.server.ThreadingHTTPServer(("", 80), Credentials)
print("listening", flush=True)
server.serve_forever()
`)
	log := newLogbook()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	log.await(t, "listening", ended)
}

// Settings that cannot be are found before anybody is asked.
func TestDenyNetworkIsChecked(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{
		{"--deny-network", "everything"},
		{"--deny-network", "10.0.0.1/8"},
		{"--deny-network", "10.0.0.0/8", "--allow-network", "10.0.0.0/8"},
		{"--deny-network", "10.0.0.0/8", "--sandboxes", "0"},
		{"--sandboxes", "-1"},
		{"--sandbox-reuse", "sometimes"},
	} {
		args := append([]string{"start", "--worker-id", "x", "--state-dir", t.TempDir(), "--amqp", "amqp://127.0.0.1:1"}, flags...)
		if r := program(t, "", append(args, "q")...); r.code != 3 || !strings.Contains(r.stderr, "--") {
			t.Errorf("%v: exit code %d, want 3: %s", flags, r.code, r.stderr)
		}
	}
}
