package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
)

// The kernel looks for a route in the namespace's own addresses first, then in our table, by our rule, and then in its
// main one. So what is denied stays so even where the main table has a narrower route, as to the neighbours on the
// bridge; and an exception is a route that says "look further".
const (
	table    = 77  // any that nobody uses
	priority = 100 // of our rule: behind 0, of the local table, and before 32766, of the main one
)

// Of <linux/fib_rules.h>, which package syscall has not.
const (
	ruleToTable  = 1
	rulePriority = 6
	ruleTable    = 15
)

// families are the two kinds of addresses.
var families = []struct {
	id    uint8
	name  string
	has   func(netip.Addr) bool
	proof string // exists where the kernel knows the family
}{
	{syscall.AF_INET, "IPv4", netip.Addr.Is4, "/proc/net/route"},
	{syscall.AF_INET6, "IPv6", netip.Addr.Is6, "/proc/net/if_inet6"},
}

// closeNetwork makes the namespace keep a policy, and reads it back. A kernel without IPv6 has nothing to deny there.
func closeNetwork(p Policy) error {
	kernel, err := dialNetlink()
	if err != nil {
		return err
	}
	defer kernel.close()
	for _, family := range families {
		if _, err := os.Stat(family.proof); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := kernel.create(syscall.RTM_NEWRULE, ruleHead(family.id), attribute(rulePriority, number(priority))); err != nil {
			return fmt.Errorf("make a rule for %s: %w", family.name, err)
		}
		for _, route := range p.routes() {
			if !family.has(route.to.Addr()) {
				continue
			}
			err := kernel.create(syscall.RTM_NEWROUTE, route.head(family.id), attribute(syscall.RTA_DST, route.to.Addr().AsSlice()))
			if err != nil {
				return fmt.Errorf("make a route to %s: %w", route.to, err)
			}
		}
		if err := verify(family.id, p); err != nil {
			return err
		}
	}
	return nil
}

// verdict is a route of our table.
type verdict struct {
	to   netip.Prefix
	kind uint8
}

func (p Policy) routes() []verdict {
	var all []verdict
	for _, to := range p.Deny {
		all = append(all, verdict{to, syscall.RTN_UNREACHABLE}) // a connect fails at once
	}
	for _, to := range p.Allow {
		all = append(all, verdict{to, syscall.RTN_THROW})
	}
	return all
}

func (v verdict) head(family uint8) []byte {
	return []byte{family, uint8(v.to.Bits()), 0, 0, table, syscall.RTPROT_STATIC, syscall.RT_SCOPE_UNIVERSE, v.kind, 0, 0, 0, 0}
}

func ruleHead(family uint8) []byte {
	return []byte{family, 0, 0, 0, table, 0, 0, ruleToTable, 0, 0, 0, 0}
}

func number(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// verify reads back what one family has of a policy.
func verify(family uint8, p Policy) error {
	rules, err := dump(syscall.RTM_GETRULE)
	if err != nil {
		return err
	}
	found := false
	for _, r := range rules {
		found = found || r.head[0] == family && r.number(rulePriority) == priority && r.number(ruleTable) == table
	}
	if !found {
		return errors.New("the rule that was made is not there")
	}
	routes, err := dump(syscall.RTM_GETROUTE)
	if err != nil {
		return err
	}
	there := map[verdict]bool{}
	for _, r := range routes {
		if r.head[0] != family || r.number(syscall.RTA_TABLE) != table {
			continue
		}
		address, ok := netip.AddrFromSlice([]byte(r.attributes[syscall.RTA_DST]))
		if !ok { // to everywhere
			address = netip.IPv4Unspecified()
			if family == syscall.AF_INET6 {
				address = netip.IPv6Unspecified()
			}
		}
		there[verdict{netip.PrefixFrom(address, int(r.head[1])), r.head[7]}] = true
	}
	for _, want := range p.routes() {
		if want.to.Addr().Is4() == (family == syscall.AF_INET) && !there[want] {
			return fmt.Errorf("the route to %s that was made is not there", want.to)
		}
	}
	return nil
}
