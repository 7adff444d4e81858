package sandbox

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// The namespace of the test itself is looked at: this takes no rights.
func TestTraces(t *testing.T) {
	before, err := look()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	now, err := look()
	if err != nil {
		t.Fatal(err)
	}
	port := strings.ToUpper(fmt.Sprintf("%04x", conn.LocalAddr().(*net.UDPAddr).Port))
	found := false
	for trace := range now {
		found = found || !before[trace] && strings.HasPrefix(trace, "udp ") && strings.Contains(trace, ":"+port+" ")
	}
	if !found {
		t.Errorf("a socket at port %s is not seen", port)
	}
	if before.compare(now) == "" || now.compare(before) == "" {
		t.Error("a socket that came is no difference")
	}
	if got := now.compare(now); got != "" {
		t.Errorf("nothing has changed, but %s", got)
	}
	conn.Close()
}

func TestTraceOfAFile(t *testing.T) {
	one, two := traces{"/etc/hosts from 1.000000001": true}, traces{"/etc/hosts from 1.000000002": true}
	if got, want := one.compare(two), "left: /etc/hosts from 1.000000002"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := one.compare(traces{}), "gone: /etc/hosts from 1.000000001"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
