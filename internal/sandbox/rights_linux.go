package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// Of <linux/capability.h> and <linux/prctl.h>.
const (
	capabilityVersion3 = 0x20080522
	setNoNewPrivileges = 38
)

// dropRights takes all capabilities from every thread, for good, and reads that back. The bounding set stays: to shrink
// it takes a capability more than the container has, and without new privileges nothing comes out of it.
func dropRights() error {
	header := struct {
		version uint32
		pid     int32 // 0: the thread that asks
	}{version: capabilityVersion3}
	var none [2]struct{ effective, permitted, inheritable uint32 }
	if _, _, errno := syscall.AllThreadsSyscall(syscall.SYS_PRCTL, setNoNewPrivileges, 1, 0); errno != 0 {
		return fmt.Errorf("forbid new privileges: %w", errno)
	}
	if _, _, errno := syscall.AllThreadsSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0); errno != 0 {
		return fmt.Errorf("drop the capabilities: %w", errno)
	}
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(threads) == 0 {
		return errors.New("look at the threads: /proc does not show them")
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return fmt.Errorf("look at a thread: %w", err)
		}
		for _, want := range []string{"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"} {
			if !strings.Contains(string(status), "\n"+want+"\n") {
				return fmt.Errorf("a thread has kept its rights: its status lacks %q", want)
			}
		}
	}
	return nil
}
