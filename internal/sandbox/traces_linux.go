package sandbox

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// traces is what a task could leave behind for the next one, as a set of descriptions.
type traces map[string]bool

// look lists them. Two looks at a namespace in which nothing was left are equal.
func look() (traces, error) {
	t := traces{}
	for _, part := range []func() error{t.sockets, t.connections, t.addresses, t.rules, t.routes, t.files} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// compare names what is there now and was not, or the other way round; "" is nothing.
func (t traces) compare(now traces) string {
	for _, pair := range []struct {
		what     string
		one, two traces
	}{{"left", now, t}, {"gone", t, now}} {
		for trace := range pair.one {
			if !pair.two[trace] {
				return pair.what + ": " + trace
			}
		}
	}
	return ""
}

// socketTables are the lists of sockets of this network namespace, those without a process included. A kernel has those
// whose protocols it knows.
var socketTables = []string{"tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "packet", "unix", "sctp/assocs", "sctp/eps"}

func (t traces) sockets() error { return t.lines(1, socketTables...) }

// connections are those that the kernel tracks, where it tracks them in this namespace and lets us see them.
func (t traces) connections() error { return t.lines(0, "nf_conntrack") }

// lines adds each line of tables in /proc/net, but for the headers.
func (t traces) lines(header int, tables ...string) error {
	for _, name := range tables {
		text, err := os.ReadFile(filepath.Join("/proc/net", name))
		switch {
		case errors.Is(err, os.ErrNotExist), name == "nf_conntrack" && errors.Is(err, os.ErrPermission):
			continue
		case err != nil:
			return fmt.Errorf("look for what was left: %w", err)
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			if n++; n > header {
				t[name+" "+strings.Join(strings.Fields(line), " ")] = true
			}
		}
	}
	return nil
}

func (t traces) addresses() error {
	found, err := dump(syscall.RTM_GETADDR)
	for _, o := range found {
		// Family, prefix and interface; the flags between change when an address has been proved to be the only one.
		t[fmt.Sprintf("address %x %x %x", o.head[:2], o.head[4:8], o.attributes[syscall.IFA_ADDRESS])] = true
	}
	return err
}

func (t traces) rules() error {
	found, err := dump(syscall.RTM_GETRULE)
	for _, o := range found {
		t["rule "+o.describe()] = true
	}
	return err
}

// routes leaves out those that the kernel makes of addresses, and of what routers say: they come when they come.
func (t traces) routes() error {
	const byRouters = 9
	found, err := dump(syscall.RTM_GETROUTE)
	for _, o := range found {
		if protocol := o.head[5]; protocol != syscall.RTPROT_KERNEL && protocol != byRouters {
			delete(o.attributes, syscall.RTA_CACHEINFO)
			t["route "+o.describe()] = true
		}
	}
	return err
}

func (o object) describe() string {
	text := fmt.Sprintf("%x", o.head)
	kinds := make([]uint16, 0, len(o.attributes))
	for kind := range o.attributes {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		text += fmt.Sprintf(" %d=%x", kind, o.attributes[kind])
	}
	return text
}

// sharedFiles are ours, and the engine shows them to all that join the network: root in a task may write to them.
var sharedFiles = []string{"/etc/hosts", "/etc/resolv.conf", "/etc/hostname"}

// files looks at their text and at whatever else of them can be set, but for the time of the last reading. The time of
// the last change says nothing: the engine sets the owner anew whenever a container joins.
func (t traces) files() error {
	for _, name := range sharedFiles {
		var s syscall.Stat_t
		err := syscall.Stat(name, &s)
		if errors.Is(err, syscall.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", name, err)
		}
		text, err := readStart(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		attributes, err := extended(name)
		if err != nil {
			return fmt.Errorf("look at the attributes of %s: %w", name, err)
		}
		t[fmt.Sprintf("%s mode %o of %d:%d from %d.%09d, %d bytes, %x", name, s.Mode, s.Uid, s.Gid, s.Mtim.Sec, s.Mtim.Nsec, s.Size,
			sha256.Sum256([]byte(text+attributes)))] = true
	}
	return nil
}

// readStart reads a file that should be small; its size is looked at besides.
func readStart(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 1<<20))
	return string(text), err
}

// extended are the attributes of a file beside those that every file has, with their values.
func extended(name string) (string, error) {
	names := make([]byte, 64<<10) // the most that Linux has
	n, err := syscall.Listxattr(name, names)
	if errors.Is(err, syscall.ENOTSUP) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	all := string(names[:n])
	value := make([]byte, 64<<10)
	for attribute := range strings.SplitSeq(strings.Trim(all, "\x00"), "\x00") {
		if attribute == "" {
			continue
		}
		n, err := syscall.Getxattr(name, attribute, value)
		if err != nil {
			return "", err
		}
		all += "=" + string(value[:n])
	}
	return all, nil
}

// traffic is what has come and gone through the network so far, in bytes.
func traffic() (in, out uint64, err error) {
	text, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return 0, 0, fmt.Errorf("count the traffic: %w", err)
	}
	for line := range bytes.Lines(text) {
		name, numbers, ok := strings.Cut(string(line), ":")
		fields := strings.Fields(numbers)
		if !ok || strings.TrimSpace(name) == "lo" || len(fields) < 9 {
			continue
		}
		received, err1 := strconv.ParseUint(fields[0], 10, 64)
		sent, err2 := strconv.ParseUint(fields[8], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return 0, 0, fmt.Errorf("count the traffic: %w", err)
		}
		in, out = in+received, out+sent
	}
	return in, out, nil
}
