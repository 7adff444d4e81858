package main

import (
	"os"
	"testing"
	"time"
)

func TestParseCPUTime(t *testing.T) {
	// A name can be anything, brackets included.
	used, err := parseCPUTime("42 (a) (b c) S 1 42 42 0 -1 4194560 2000 0 10 0 150 25 7 9 20 0 8 0 100 0 0")
	if want := 1750 * time.Millisecond; err != nil || used != want {
		t.Errorf("%v, %v; want %v", used, err, want)
	}
	for _, bad := range []string{"", "42 (a) S 1 2", "42 (a) S 1 42 42 0 -1 4194560 2000 0 10 0 x 25 7 9"} {
		if _, err := parseCPUTime(bad); err == nil {
			t.Errorf("%q has a time", bad)
		}
	}
}

// TestProcessOfOurOwn reads what the kernel says of this process.
func TestProcessOfOurOwn(t *testing.T) {
	pid := os.Getpid()
	resident, err := processNumber(pid, "VmRSS")
	if err != nil || resident < 1<<20 || resident%1024 != 0 {
		t.Errorf("resident: %d, %v", resident, err)
	}
	if threads, err := processNumber(pid, "Threads"); err != nil || threads < 1 || threads > 10_000 {
		t.Errorf("threads: %d, %v", threads, err)
	}
	if _, err := processNumber(pid, "Nothing"); err == nil {
		t.Error("a line that is not there has a number")
	}
	before, err := descriptors(pid)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if after, err := descriptors(pid); err != nil || after != before+1 {
		t.Errorf("%d descriptors with one file more than %d, %v", after, before, err)
	}
}
