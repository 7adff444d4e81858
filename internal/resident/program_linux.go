package resident

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// mapping is a part of the address space, as /proc/PID/smaps tells it (proc(5)).
type mapping struct {
	start, end uintptr
	writable   bool
	path       string
	own        bool // some pages are not the file's any more
}

// releaseProgram takes the pages of this program's file out of the process: those that are as in the file, and only
// where all of a mapping are. Anything else (variables; in other kinds of programs, what the loader has relocated; a
// debugger's breakpoints) would be lost.
func releaseProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program's file: %w", err)
	}
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("find the program's pages: %w", err)
	}
	defer file.Close()
	var errs []error
	err = eachMapping(bufio.NewScanner(file), func(m mapping) {
		if m.path != program || m.writable || m.own {
			return
		}
		if _, _, code := syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED); code != 0 {
			errs = append(errs, fmt.Errorf("give back pages of the program: %w", code))
		}
	})
	return errors.Join(append(errs, err)...)
}

// eachMapping calls do for each mapping of an smaps file: a line of addresses, then lines of what is said about it, of
// which VmFlags is the last.
func eachMapping(lines *bufio.Scanner, do func(mapping)) error {
	var current mapping
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch {
		case name == "Anonymous" || name == "Swap":
			current.own = current.own || strings.TrimSpace(value) != "0 kB"
		case name == "VmFlags":
			do(current)
		case strings.Contains(name, " "):
			var err error
			if current, err = parseMapping(lines.Text()); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// parseMapping reads a line like "00400000-0096c000 r-xp 00000000 fe:00 1234    /usr/bin/program".
func parseMapping(line string) (m mapping, err error) {
	fields := strings.SplitN(line, " ", 6)
	from, to, _ := strings.Cut(fields[0], "-")
	start, err := strconv.ParseUint(from, 16, strconv.IntSize)
	if err != nil {
		return m, fmt.Errorf("%q is no mapping: %w", line, err)
	}
	end, err := strconv.ParseUint(to, 16, strconv.IntSize)
	if err != nil {
		return m, fmt.Errorf("%q is no mapping: %w", line, err)
	}
	m = mapping{start: uintptr(start), end: uintptr(end), writable: strings.Contains(fields[1], "w")}
	if len(fields) == 6 {
		m.path = strings.TrimLeft(fields[5], " ")
	}
	return m, nil
}
