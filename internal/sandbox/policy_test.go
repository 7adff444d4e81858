package sandbox

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRanges(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":        "10.0.0.0/8",
		"169.254.169.254":   "169.254.169.254/32",
		"fd00:ec2::254":     "fd00:ec2::254/128",
		"fd00::/8":          "fd00::/8",
		"0.0.0.0/0":         "0.0.0.0/0",
		"10.0.0.1/8":        "", // which of the two is meant?
		"10.0.0.0":          "10.0.0.0/32",
		"10.0.0.0/33":       "",
		"::ffff:10.0.0.1":   "", // IPv4 is written as such
		"::ffff:10.0.0.0/8": "",
		"fe80::1%eth0":      "",
		"metadata":          "",
		"":                  "",
	} {
		got, err := ParseRanges([]string{text})
		if want == "" {
			if err == nil {
				t.Errorf("%q is %v, want an error", text, got)
			}
			continue
		}
		if err != nil || len(got) != 1 || got[0].String() != want {
			t.Errorf("%q is %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestDenyByDefault(t *testing.T) {
	p := Policy{Deny: defaultDeny[:1:1], Allow: defaultDeny[1:2]}
	p.DenyByDefault()
	if diff := cmp.Diff([]string{"--deny", "169.254.169.254/32", "--deny", "fd00:ec2::254/128", "--allow", "169.254.170.2/32"}, p.Args()); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestPolicy(t *testing.T) {
	ranges := func(texts ...string) Policy {
		p, err := ParseRanges(texts)
		if err != nil {
			t.Fatal(err)
		}
		return Policy{Deny: p}
	}
	p := ranges("fd00::/8", "10.0.0.0/8", "fd00::/8")
	p.Allow = ranges("10.1.0.0/16").Deny
	if diff := cmp.Diff([]string{"--deny", "10.0.0.0/8", "--deny", "fd00::/8", "--allow", "10.1.0.0/16"}, p.Args()); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	p.Allow = p.Deny[1:2]
	if p.Check() == nil {
		t.Error("a range is denied and allowed, and nobody minds")
	}
}

func TestAnswers(t *testing.T) {
	for _, want := range []Answer{{}, {In: 5, Out: 1 << 40}, {Dirty: "left: tcp 0: 1 2"}} {
		got, err := ParseAnswer(want.String())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	for _, line := range []string{"", "clean", "clean 1", "clean 1 2 3", "clean -1 2", "dirty", Ready} {
		if got, err := ParseAnswer(line); err == nil {
			t.Errorf("%q is %+v, want an error", line, got)
		}
	}
	if line := (Answer{Dirty: "a\nb"}).String(); line != "dirty: a b" {
		t.Errorf("an answer of two lines is written as %q", line)
	}
}
