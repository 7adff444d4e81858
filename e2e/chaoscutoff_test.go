//go:build integration

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/internal/brokertest"
)

// TestChaosWorkerCutOff stops every byte between a worker and its broker, without ending a connection. The worker ends
// its container before the lease does, so that it never runs beside that of the worker which gets the task next. When the
// network is back it works as before.
func TestChaosWorkerCutOff(t *testing.T) {
	t.Parallel()
	if fullChaos() {
		testCutOff(t, inNamespace(t))
		return
	}
	proxy := brokertest.NewProxy(t, brokertest.URL())
	testCutOff(t, cutOff{
		broker: brokertest.URL(), near: brokertest.WithHost(t, brokertest.URL(), proxy.Host()),
		cut: func() { proxy.Blackhole(true) }, heal: func() { proxy.Blackhole(false) },
	})
}

// cutOff is a place whose network can be cut.
type cutOff struct {
	broker    string // URL of the broker for everybody else
	near      string // and for the worker in that place
	prefix    []string
	cut, heal func()
}

func testCutOff(t *testing.T, place cutOff) {
	// A tenth of it is the margin, which has to do for a kill by an engine that has other work.
	lease := 30 * time.Second
	s := newSite(t, place.broker)
	l, engine := s.listen(t), watchEngine(t, "")
	other := s.beside(t, "other")
	s.prefix = place.prefix
	// The broker gives a peer up after three heartbeats: here before the lease is over, which then decides.
	p := s.start(t, "--lease", lease.String(), "--amqp", place.near+"?heartbeat=5")
	id := taskID(t)
	s.submit(t, shell(id, `i=0; while :; do echo "$i"; i=$((i+1)); [ "$ATTEMPT" = 2 ] && [ $i -gt 9 ] && exit; sleep 0.1; done`))
	l.awaitType(t, "task.started", id)
	second := other.start(t, "--lease", lease.String())

	place.cut()
	p.log.await(t, "claim lost", p.ended)
	l.outcome(t, id, 2)
	runs := engine.ended(t, id, 2)
	between := runs[1].started.Sub(runs[0].ended)
	t.Logf("the first container had ended for %v when the second began", between.Round(time.Millisecond))
	if between <= 0 || runs[0].worker != s.worker || runs[1].worker != other.worker {
		t.Errorf("the containers were %v", runs)
	}
	if !p.alive() {
		t.Fatal("the worker has ended")
	}
	second.drain(t)
	place.heal()

	next := taskID(t)
	s.submit(t, shell(next, "echo here"))
	if e := l.outcome(t, next, 1); e.WorkerID != s.worker {
		t.Errorf("%s was run by %s, want %s", next, e.WorkerID, s.worker)
	}
	p.drain(t)
	counts{}.check(t, l, map[string][]string{id: {"2 completed"}, next: {"1 completed"}})
	s.checkEmpty(t)
	other.checkEmpty(t)
}

// inNamespace is a network namespace whose only way out is a pair of devices to this host, and a broker at the other end.
func inNamespace(t *testing.T) cutOff {
	t.Helper()
	node := brokertest.StartNodeWith(t, brokertest.NodeConfig{Address: "0.0.0.0"})
	_, port, err := net.SplitHostPort(brokertest.Host(t, node.URL))
	if err != nil {
		t.Fatal(err)
	}
	name := "dw" + taskID(t)[len("task-"):]
	network := fmt.Sprintf("10.%d.%d", 200+rand.IntN(50), rand.IntN(250))
	ip := func(args ...string) { tool(t, "ip", args...) }
	ip("netns", "add", name)
	t.Cleanup(func() { tool(t, "ip", "netns", "del", name) }) // and with it the devices
	ip("link", "add", name, "type", "veth", "peer", "name", "out", "netns", name)
	ip("addr", "add", network+".1/24", "dev", name)
	ip("link", "set", name, "up")
	ip("-n", name, "addr", "add", network+".2/24", "dev", "out")
	ip("-n", name, "link", "set", "out", "up")
	drop := func(do string) func() {
		return func() {
			ip("netns", "exec", name, "iptables", do, "OUTPUT", "-p", "tcp", "--dport", port, "-j", "DROP")
			ip("netns", "exec", name, "iptables", do, "INPUT", "-p", "tcp", "--sport", port, "-j", "DROP")
		}
	}
	return cutOff{
		broker: node.URL, near: brokertest.WithHost(t, node.URL, network+".1:"+port),
		prefix: []string{"ip", "netns", "exec", name},
		cut:    drop("-A"), heal: drop("-D"),
	}
}
