package resident

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The program goes on, with fewer of its pages.
func TestReleaseProgram(t *testing.T) {
	before := residentFile(t)
	if err := releaseProgram(); err != nil {
		t.Fatal(err)
	}
	if after := residentFile(t); after >= before {
		t.Errorf("%d kB of files before, %d kB after", before, after)
	}
}

// residentFile is the pages of files in this process, in kB.
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kB
}

func TestEachMapping(t *testing.T) {
	const smaps = `00400000-0096c000 r-xp 00000000 fe:00 12                         /usr/bin/a program (deleted)
Rss:                   8 kB
Anonymous:             0 kB
Swap:                  0 kB
ProtectionKey:         0
VmFlags: rd ex mr mw me
0096c000-00f27000 r--p 0056c000 fe:00 12                         /usr/bin/a program (deleted)
Anonymous:             4 kB
Swap:                  0 kB
VmFlags: rd mr mw me
00f27000-00f95000 rw-p 00b27000 fe:00 12                         /usr/bin/a program (deleted)
Anonymous:             0 kB
Swap:                  4 kB
VmFlags: rd wr mr mw me
3b1c94000000-3b1c94800000 rw-p 00000000 00:00 0 
Anonymous:             0 kB
VmFlags: rd wr mr mw me
`
	var got []mapping
	if err := eachMapping(bufio.NewScanner(strings.NewReader(smaps)), func(m mapping) { got = append(got, m) }); err != nil {
		t.Fatal(err)
	}
	const program = "/usr/bin/a program (deleted)"
	want := []mapping{
		{start: 0x400000, end: 0x96c000, path: program},
		{start: 0x96c000, end: 0xf27000, path: program, own: true},
		{start: 0xf27000, end: 0xf95000, path: program, own: true, writable: true},
		{start: 0x3b1c94000000, end: 0x3b1c94800000, writable: true},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNoMapping(t *testing.T) {
	for _, line := range []string{"x-y r-xp 0 0 0", "00-y r-xp 0 0 0", "00 r-xp"} {
		if err := eachMapping(bufio.NewScanner(strings.NewReader(line)), func(mapping) { t.Errorf("%q is a mapping", line) }); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}
