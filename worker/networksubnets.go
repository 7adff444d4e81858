package worker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// subnets are the addresses that networks of tasks get, out of a pool that is the operator's. An engine left to itself
// has about thirty networks in all.
type subnets struct {
	pool netip.Prefix // the zero value leaves it to the engine

	mu   sync.Mutex // held while a network is made: others must see its addresses
	next netip.Addr // where the search goes on, so that addresses rest before they are used again
}

// subnetBits is the size of a network: 32 addresses, for a task, 16 services and the host.
const subnetBits = 27

// subnetTries is how many subnets are offered to an engine that refuses them: somebody else may use the pool too.
const subnetTries = 8

// CheckServiceSubnets says whether networks can be made of a pool of addresses. The zero value is none.
func CheckServiceSubnets(pool netip.Prefix) error {
	if pool == (netip.Prefix{}) {
		return nil
	}
	if !pool.Addr().Is4() || pool.Bits() > subnetBits || pool.Masked() != pool {
		return fmt.Errorf("%s is no pool for networks: that is a range of IPv4 addresses such as 10.231.0.0/16, a /%d at the least", pool, subnetBits)
	}
	return nil
}

// create makes a network with addresses that no other network of the engine has.
func (s *subnets) create(ctx context.Context, engine networkEngine, cfg dockerapi.NetworkConfig) error {
	if !s.pool.IsValid() {
		if _, err := engine.NetworkCreate(ctx, cfg); err != nil {
			return engineTrouble("make a network for the services (an engine has addresses for about 30; the worker's --service-subnets gives it more)", err)
		}
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	taken, err := takenSubnets(ctx, engine)
	if err != nil {
		return engineTrouble("look for free addresses for the services' network", err)
	}
	var refusal error
	for range subnetTries {
		subnet, ok := s.free(taken)
		if !ok {
			break
		}
		cfg.IPAM = dockerapi.IPAM{Config: []dockerapi.IPAMConfig{{Subnet: subnet.String()}}}
		_, err := engine.NetworkCreate(ctx, cfg)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || dockerapi.IsUnavailable(err) || dockerapi.IsConflict(err) {
			return engineTrouble("make a network for the services", err)
		}
		taken, refusal = append(taken, subnet), errors.Join(refusal, err)
	}
	if refusal != nil {
		return engineTrouble(fmt.Sprintf("make a network for the services with addresses of %s", s.pool), refusal)
	}
	return taskErrorf(ResourceUnavailable, "all addresses of the worker's --service-subnets %s are taken by networks", s.pool)
}

// free is the next subnet of the pool that overlaps none of those taken. Called with mu held.
func (s *subnets) free(taken []netip.Prefix) (netip.Prefix, bool) {
	if !s.pool.Contains(s.next) {
		s.next = s.pool.Addr()
	}
	for range 1 << (subnetBits - s.pool.Bits()) {
		subnet := netip.PrefixFrom(s.next, subnetBits)
		if s.next = after(subnet); !s.pool.Contains(s.next) {
			s.next = s.pool.Addr()
		}
		if !slices.ContainsFunc(taken, subnet.Overlaps) {
			return subnet, true
		}
	}
	return netip.Prefix{}, false
}

// after is the first address behind a subnet.
func after(subnet netip.Prefix) netip.Addr {
	bytes := subnet.Addr().As4()
	for carry, i := 1<<(32-subnetBits), 3; carry > 0 && i >= 0; i-- {
		sum := int(bytes[i]) + carry
		bytes[i], carry = byte(sum), sum>>8
	}
	return netip.AddrFrom4(bytes)
}

// takenSubnets are those of all networks that the engine has, whoever made them.
func takenSubnets(ctx context.Context, engine networkEngine) ([]netip.Prefix, error) {
	networks, err := engine.NetworkList(ctx, nil)
	if err != nil {
		return nil, err
	}
	var taken []netip.Prefix
	for _, n := range networks {
		for _, cfg := range n.IPAM.Config {
			if prefix, err := netip.ParsePrefix(cfg.Subnet); err == nil {
				taken = append(taken, prefix)
			}
		}
	}
	return taken, nil
}
