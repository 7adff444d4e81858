//go:build integration

package brokertest

import "testing"

func TestNodeComesBack(t *testing.T) {
	n := StartNode(t)
	q := Queue(t, n.URL, nil)
	n.Stop(t)
	n.Start(t)
	if got := Count(t, n.URL, q); got != 0 {
		t.Errorf("queue after a restart: %d messages, want an empty queue", got)
	}
	n.Kill()
	n.Start(t)
	if got := Count(t, n.URL, q); got != 0 {
		t.Errorf("queue after kill: %d messages, want an empty queue", got)
	}
}
