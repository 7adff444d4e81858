package brokertest

import (
	"fmt"
	"strings"
	"testing"
)

// StartCluster starts n nodes that form a cluster, about 20 seconds. Quorum queues get a member on each. The nodes are
// killed and removed at the end of the test.
func StartCluster(tb testing.TB, n int) []*Node {
	tb.Helper()
	nodes := make([]*Node, n)
	var conf strings.Builder
	conf.WriteString("cluster_formation.peer_discovery_backend = classic_config\n")
	for i := range nodes {
		nodes[i] = newNode(tb)
		fmt.Fprintf(&conf, "cluster_formation.classic_config.nodes.%d = %s\n", i+1, nodes[i].Name)
	}
	for _, node := range nodes {
		node.configure(tb, NodeConfig{Conf: conf.String()})
		tb.Cleanup(node.Kill)
		node.launch(tb) // each waits for the others
	}
	for _, node := range nodes {
		node.await(tb)
	}
	Wait(tb, nodeStart, "the nodes have found each other", func() bool {
		return strings.Count(nodes[0].Ctl(tb, "eval", "rabbit_nodes:all_running()."), "@") == n
	})
	return nodes
}

// Leader is the name of the node that leads a quorum queue of the default vhost.
func (n *Node) Leader(tb testing.TB, queue string) string {
	tb.Helper()
	for line := range strings.Lines(n.Ctl(tb, "list_queues", "name", "leader")) {
		if name, leader, _ := strings.Cut(strings.TrimSpace(line), "\t"); name == queue {
			return leader
		}
	}
	return ""
}
