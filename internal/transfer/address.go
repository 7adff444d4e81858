package transfer

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Redact is what may be shown of an address: without its query, which may be a signature, without credentials and
// fragment.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(an address that is none)" // it could be anything, so nothing of it is shown
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// parse reads an address that a person wrote. The error shows nothing of it.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("it is not an address that can be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it is not an http or https address")
	case u.Hostname() == "":
		return nil, errors.New("it has no host")
	}
	return u, nil
}

// Public allows all addresses but those that mean this machine, or something that only it reaches: loopback, link-local
// (there are the metadata services of clouds), unspecified and multicast. Private networks are allowed, because stores
// live there.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap()
	return !(addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast() ||
		addr == ec2Metadata || thisNetwork.Contains(addr) || !addr.IsValid())
}

var (
	ec2Metadata = netip.MustParseAddr("fd00:ec2::254")
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
)

// PublicOr allows what Public does, and some networks beside it.
func PublicOr(networks []netip.Prefix) func(netip.Addr) bool {
	return func(addr netip.Addr) bool {
		addr = addr.Unmap()
		for _, network := range networks {
			if network.Contains(addr) {
				return true
			}
		}
		return Public(addr)
	}
}

// refusedAddress is an address that Client.Allow does not allow.
type refusedAddress struct {
	addr netip.Addr
	hint string
}

func (e refusedAddress) Error() string {
	text := fmt.Sprintf("requests to %s are not allowed here", e.addr)
	if e.hint != "" {
		text += "; " + e.hint
	}
	return text
}

// code is the word that a store of the S3 kind has for what is wrong. The rest of such an answer repeats the signature.
func code(answer []byte) string {
	_, after, ok := strings.Cut(string(answer), "<Code>")
	word, _, closed := strings.Cut(after, "</Code>")
	if !ok || !closed || len(word) > 64 || strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) {
		return ""
	}
	return word
}
