package transfer

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"https://user:TOP-SECRET@host:8443/a%2Fb/c?X-Amz-Signature=TOP-SECRET#TOP-SECRET": "https://host:8443/a%2Fb/c",
		"http://host":              "http://host",
		"http://TOP-SECRET:80:80/": "(an address that is none)",
		"TOP-SECRET":               "(an address that is none)",
		"mailto:TOP-SECRET":        "(an address that is none)",
		"":                         "(an address that is none)",
	} {
		if got := Redact(address); got != want {
			t.Errorf("Redact(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestBadAddress(t *testing.T) {
	for _, address := range []string{"", "ftp://host/?" + secret, "http:///?" + secret, "http://a:" + secret + "/", "http://user:" + secret + "/@host", "//host/?" + secret, "http://[::" + secret} {
		_, err := quick(t).Download(t.Context(), Download{URL: address}, temporaryFile(t))
		checkFailure(t, err, true, "download")
		checkFailure(t, quick(t).Upload(t.Context(), Upload{URL: address, Body: text("")}), true, "upload")
	}
}

// TestAllow: what only this machine reaches is not reached for somebody else, by whatever name.
func TestAllow(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "inner") })
	there := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.address("/"), http.StatusFound)
	})
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	c := quick(t)
	c.Allow = Public
	for _, address := range []string{s.address("/"), "http://localhost:" + port + "/?" + secret, "http://[::ffff:127.0.0.1]:" + port + "/?" + secret, "http://0.0.0.0:" + port + "/?" + secret} {
		_, err := c.Download(t.Context(), Download{URL: address}, temporaryFile(t))
		checkFailure(t, err, true, "are not allowed here")
		checkFailure(t, c.Upload(t.Context(), Upload{URL: address, Size: 1, Body: text("x")}), true, "are not allowed here")
	}
	if s.count() != 0 {
		t.Errorf("%d requests were sent", s.count())
	}
	c = quick(t)
	c.Allow = func(addr netip.Addr) bool { return there.count() == 0 }
	_, err := c.Download(t.Context(), Download{URL: there.address("/")}, temporaryFile(t))
	checkFailure(t, err, true, "requests to 127.0.0.1 are not allowed here")
	c = quick(t)
	c.Allow = PublicOr([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	if _, err := c.Download(t.Context(), Download{URL: s.address("/")}, temporaryFile(t)); err != nil {
		t.Error(err)
	}
}

func TestPublic(t *testing.T) {
	for addr, want := range map[string]bool{
		"203.0.113.7": true, "10.1.2.3": true, "192.168.0.1": true, "2001:db8::1": true, "fd12::1": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "0.1.2.3": false, "::": false, "::ffff:169.254.169.254": false,
		"169.254.169.254": false, "169.254.170.2": false, "fe80::1": false, "fd00:ec2::254": false, "224.0.0.1": false,
	} {
		if got := Public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Public(%s) = %v", addr, got)
		}
	}
}
