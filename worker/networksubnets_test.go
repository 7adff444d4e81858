package worker

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// Networks get addresses of the pool that nobody has, whoever made the others, and rest before they come again.
func TestSubnets(t *testing.T) {
	engine := newFakeEngine()
	taken := dockerapi.NetworkConfig{Name: "somebody's", IPAM: dockerapi.IPAM{Config: []dockerapi.IPAMConfig{{Subnet: "10.231.0.48/28"}}}}
	if _, err := engine.NetworkCreate(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	s := &subnets{pool: netip.MustParsePrefix("10.231.0.0/25")} // four
	var got []string
	for _, name := range []string{"a", "b", "c"} {
		if err := s.create(t.Context(), engine, dockerapi.NetworkConfig{Name: name}); err != nil {
			t.Fatal(err)
		}
		n, _ := engine.NetworkInspect(t.Context(), name)
		got = append(got, n.IPAM.Config[0].Subnet)
		if name == "a" {
			_ = engine.NetworkRemove(t.Context(), name)
		}
	}
	if diff := cmp.Diff([]string{"10.231.0.0/27", "10.231.0.64/27", "10.231.0.96/27"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.create(t.Context(), engine, dockerapi.NetworkConfig{Name: "d"}); err != nil {
		t.Errorf("the first one is free again: %v", err)
	}
	err := s.create(t.Context(), engine, dockerapi.NetworkConfig{Name: "e"})
	if taskErr, ok := errors.AsType[*TaskError](err); !ok || taskErr.Reason != ResourceUnavailable || !strings.Contains(err.Error(), "--service-subnets 10.231.0.0/25") {
		t.Errorf("with none left: %v", err)
	}
}

// A subnet that the engine refuses is not the last one.
func TestSubnetsRefused(t *testing.T) {
	engine := newFakeEngine()
	engine.script(onNetworkCreate, engineAnswer(403))
	s := &subnets{pool: netip.MustParsePrefix("10.231.255.0/24")}
	if err := s.create(t.Context(), engine, dockerapi.NetworkConfig{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if n, _ := engine.NetworkInspect(t.Context(), "a"); n.IPAM.Config[0].Subnet != "10.231.255.32/27" {
		t.Errorf("it has %+v", n.IPAM)
	}
	engine.script(onNetworkCreate, engineAnswer(503))
	if err := s.create(t.Context(), engine, dockerapi.NetworkConfig{Name: "b"}); err == nil || engine.called(onNetworkCreate) != 3 {
		t.Errorf("an engine that is away is asked %d times: %v", engine.called(onNetworkCreate), err)
	}
}

func TestCheckSubnets(t *testing.T) {
	for text, good := range map[string]bool{"10.231.0.0/16": true, "10.0.0.0/27": true, "10.0.0.0/28": false, "10.231.7.0/16": false, "fd00::/64": false} {
		if err := CheckServiceSubnets(netip.MustParsePrefix(text)); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
