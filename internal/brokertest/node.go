package brokertest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// Node is a RabbitMQ of the test's own: other node name, ports and directories than the one of the machine. It needs
// root and Debian's rabbitmq-server package, whose scripts change to the user rabbitmq.
type Node struct {
	Name string // Erlang node name
	URL  string // guest; amqp

	TLS *TLS // with NodeConfig.TLS

	dir     string
	tlsPort string
	env     []string
	proc    sync.WaitGroup
	gone    chan struct{} // closed when the present process has ended
}

// NodeConfig is what a test wants to be different.
type NodeConfig struct {
	// TLS adds a listener for amqps, which knows the client certificate of Node.TLS, and the mechanism EXTERNAL.
	TLS bool
	// Address is where it listens. Default: 127.0.0.1.
	Address string
	// Conf is added to rabbitmq.conf.
	Conf string
}

// StartNode starts a broker and waits until it takes connections, about 5 seconds. It is killed and removed at the
// end of the test.
func StartNode(tb testing.TB) *Node {
	tb.Helper()
	return StartNodeWith(tb, NodeConfig{})
}

// StartNodeWith is StartNode with a configuration.
func StartNodeWith(tb testing.TB, cfg NodeConfig) *Node {
	tb.Helper()
	n := newNode(tb)
	n.configure(tb, cfg)
	tb.Cleanup(n.Kill)
	n.Start(tb)
	return n
}

// newNode gives a node its name, its ports and its directory, which is removed at the end of the test.
func newNode(tb testing.TB) *Node {
	tb.Helper()
	dir, err := os.MkdirTemp("", "brokertest-")
	if err != nil {
		tb.Fatalf("make directory: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	ports := freePorts(tb, 3)
	n := &Node{
		Name:    "brokertest-" + strings.ToLower(rand.Text()[:8]) + "@localhost",
		URL:     "amqp://guest:guest@127.0.0.1:" + ports[0],
		dir:     dir,
		tlsPort: ports[2],
	}
	n.env = append(os.Environ(),
		"HOME=/var/lib/rabbitmq", // where the cookie is
		"RABBITMQ_NODENAME="+n.Name, "RABBITMQ_NODE_PORT="+ports[0], "RABBITMQ_DIST_PORT="+ports[1],
		"RABBITMQ_MNESIA_BASE="+filepath.Join(dir, "mnesia"), "RABBITMQ_LOG_BASE="+filepath.Join(dir, "log"),
		"RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"), "RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "rabbitmq"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(dir, "plugins"),
	)
	return n
}

// configure writes what the node reads when it starts.
func (n *Node) configure(tb testing.TB, cfg NodeConfig) {
	tb.Helper()
	n.env = append(n.env, "RABBITMQ_NODE_IP_ADDRESS="+cmp.Or(cfg.Address, "127.0.0.1"))
	conf, plugins := "loopback_users = none\n"+cfg.Conf, "[].\n"
	if cfg.TLS {
		n.TLS = newTLS(tb, n.dir, n.tlsPort)
		conf, plugins = conf+n.TLS.conf(), "[rabbitmq_auth_mechanism_ssl].\n"
	}
	for _, f := range []struct{ name, text string }{{"plugins", plugins}, {"rabbitmq.conf", conf}} {
		if err := os.WriteFile(filepath.Join(n.dir, f.name), []byte(f.text), 0o644); err != nil {
			tb.Fatalf("write %s: %v", f.name, err)
		}
	}
	own(tb, n.dir)
}

func freePorts(tb testing.TB, n int) []string {
	tb.Helper()
	var ports []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatalf("find a free port: %v", err)
		}
		defer ln.Close()
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

// own gives the directory to the user that the broker runs as.
func own(tb testing.TB, dir string) {
	tb.Helper()
	u, err := user.Lookup("rabbitmq")
	if err != nil {
		tb.Fatalf("the integration tests need RabbitMQ's Debian package: %v", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	entries, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range append(entries, dir) {
		if err := os.Chown(path, uid, gid); err != nil {
			tb.Fatalf("give %s to the broker (root is needed): %v", path, err)
		}
	}
}

// nodeStart bounds a start, which takes 5 seconds on a machine that does nothing else.
const nodeStart = 2 * time.Minute

// Start starts the broker, for the first time or again, and waits until it takes connections.
func (n *Node) Start(tb testing.TB) {
	tb.Helper()
	n.launch(tb)
	n.await(tb)
}

func (n *Node) launch(tb testing.TB) {
	tb.Helper()
	log, err := os.Create(filepath.Join(n.dir, "console"))
	if err != nil {
		tb.Fatalf("make console file: %v", err)
	}
	cmd := exec.Command("rabbitmq-server")
	cmd.Env, cmd.Stdout, cmd.Stderr = n.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start broker: %v", err)
	}
	gone := make(chan struct{})
	n.gone = gone
	n.proc.Go(func() {
		defer close(gone)
		defer log.Close()
		_ = cmd.Wait()
	})
}

func (n *Node) await(tb testing.TB) {
	tb.Helper()
	Wait(tb, nodeStart, "the broker takes connections", func() bool {
		select {
		case <-n.gone:
			text, _ := os.ReadFile(filepath.Join(n.dir, "console"))
			tb.Fatalf("the broker has ended: %s", text)
		default:
		}
		conn, err := amqp091.Dial(n.URL)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
}

// Stop ends the broker in an orderly way and waits for its end.
func (n *Node) Stop(tb testing.TB) {
	tb.Helper()
	n.Ctl(tb, "stop")
	<-n.gone
}

// Kill is kill -9. It does nothing to a broker that does not run.
func (n *Node) Kill() {
	if n.gone == nil {
		return
	}
	if pid := n.pid(); pid > 0 {
		select {
		case <-n.gone: // the number may be somebody else's by now
		default:
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	n.proc.Wait()
}

// pid is that of the Erlang machine, which the broker writes when it starts.
func (n *Node) pid() int {
	text, err := os.ReadFile(filepath.Join(n.dir, "pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// Ctl runs rabbitmqctl for this broker and returns what it prints. It takes a second or two.
func (n *Node) Ctl(tb testing.TB, args ...string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "rabbitmqctl", append([]string{"-q", "-n", n.Name}, args...)...)
	cmd.Env = n.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("rabbitmqctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// MemoryAlarm starts or ends the state in which the broker reads nothing from connections that publish.
func (n *Node) MemoryAlarm(tb testing.TB, on bool) {
	tb.Helper()
	limit := "0.4"
	if on {
		limit = "0.0001"
	}
	n.Ctl(tb, "set_vm_memory_high_watermark", limit)
}

// ConsumerTimeout sets how long a delivery may stay unacknowledged on a channel that is opened from now on, and makes
// the broker look every second instead of every minute.
func (n *Node) ConsumerTimeout(tb testing.TB, d time.Duration) {
	tb.Helper()
	n.Ctl(tb, "eval", fmt.Sprintf("application:set_env(rabbit, consumer_timeout, %d), application:set_env(rabbit, channel_tick_interval, 1000).", d.Milliseconds()))
}
