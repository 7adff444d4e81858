package sandbox

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Policy says where the tasks of a sandbox cannot connect to. Of two ranges that both have an address the narrower one
// counts.
type Policy struct {
	Deny  []netip.Prefix
	Allow []netip.Prefix // exceptions
}

// defaultDeny are the addresses at which clouds give the credentials of an instance to whoever asks from it.
var defaultDeny = []netip.Prefix{
	netip.MustParsePrefix("169.254.169.254/32"), netip.MustParsePrefix("169.254.170.2/32"), netip.MustParsePrefix("fd00:ec2::254/128"),
}

// DenyByDefault adds the addresses at which clouds give the credentials of an instance to whoever asks from it, but for
// those that the policy knows already.
func (p *Policy) DenyByDefault() {
	for _, prefix := range defaultDeny {
		if !slices.Contains(p.Deny, prefix) && !slices.Contains(p.Allow, prefix) {
			p.Deny = append(p.Deny, prefix)
		}
	}
}

// ParseRanges reads ranges in CIDR notation; an address alone is a range of one.
func ParseRanges(texts []string) ([]netip.Prefix, error) {
	var ranges []netip.Prefix
	for _, text := range texts {
		prefix, err := parseRange(text)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, prefix)
	}
	return ranges, nil
}

func parseRange(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" && !address.Is4In6() {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Masked() != prefix || prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is no range of addresses, such as 10.0.0.0/8 or fd00::/8", text)
	}
	return prefix, nil
}

// Check says whether there is a sense in the policy: an address range cannot be denied and allowed.
func (p Policy) Check() error {
	for _, prefix := range p.Allow {
		if slices.Contains(p.Deny, prefix) {
			return fmt.Errorf("%s is denied and allowed", prefix)
		}
	}
	return nil
}

// Args are the arguments of a sandbox process that keeps the policy: the same policy has the same ones.
func (p Policy) Args() []string {
	var args []string
	for _, list := range []struct {
		flag   string
		ranges []netip.Prefix
	}{{"--deny", p.Deny}, {"--allow", p.Allow}} {
		sorted := slices.Clone(list.ranges)
		slices.SortFunc(sorted, func(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) })
		for _, prefix := range slices.Compact(sorted) {
			args = append(args, list.flag, prefix.String())
		}
	}
	return args
}
