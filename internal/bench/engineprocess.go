package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// containerdSocket is where an engine finds a containerd that it has not started itself.
const containerdSocket = "/run/containerd/containerd.sock"

// engineProcesses are dockerd, which serves the socket of that address, and its containerd. Others may run beside them.
func engineProcesses(host string) ([]int, error) {
	path, local := strings.CutPrefix(host, "unix://")
	if !local {
		return nil, fmt.Errorf("find the engine's processes: it is at %s, and not on this host", host)
	}
	dockerd, err := servedBy(path)
	if err != nil {
		return nil, err
	}
	containerd, err := child(dockerd, "containerd")
	if containerd == 0 && err == nil {
		containerd, err = servedBy(containerdSocket)
	}
	return []int{dockerd, containerd}, err
}

// servedBy is the process that listens on a unix socket.
func servedBy(path string) (int, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return 0, fmt.Errorf("find the process behind a socket: %w", err)
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("find the process behind %s: %w", path, err)
	}
	var who *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		who, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("find the process behind %s: %w", path, err)
	}
	return int(who.Pid), nil
}

// child finds a child of a process by its name; 0 for none.
func child(parent int, name string) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		before, after, _ := strings.Cut(string(text), " ("+name+") ")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			return strconv.Atoi(before)
		}
	}
	return 0, nil
}

// sumCPU is what some processes have used together.
func sumCPU(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		used, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}
