package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPromises(t *testing.T) {
	var p promises
	p.atLeast(1, 2.5, "", "speed")
	p.atLeast(1, 0.5, "", "speed of another")
	p.atMost(50, 25, " ms", "start")
	p.atMost(8, 10, "", "goroutines")
	p.atMost(8, 8, "", "exactly")
	var out strings.Builder
	p.print(&out)
	want := `holds           2.50 of the promise  speed: 2.5, at least 1
does NOT hold   0.50 of the promise  speed of another: 0.5, at least 1
holds           0.50 of the promise  start: 25 ms, at most 50 ms
does NOT hold   1.25 of the promise  goroutines: 10, at most 8
holds           1.00 of the promise  exactly: 8, at most 8
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
