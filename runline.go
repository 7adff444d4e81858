package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// runLine writes a container as the docker run line that would make the same one. The values of secrets are left out.
func runLine(c dockerapi.ContainerConfig, secrets []string) string {
	line := []string{"docker run"}
	add := func(set bool, words ...string) {
		if set {
			for i := range words {
				words[i] = shellQuote(words[i])
			}
			line = append(line, strings.Join(words, " "))
		}
	}
	h := c.HostConfig
	add(h.Init != nil && *h.Init, "--init")
	add(c.Tty, "--tty")
	add(c.OpenStdin, "--interactive")
	add(h.Memory > 0, "--memory", fmt.Sprint(h.Memory), "--memory-swap", fmt.Sprint(h.MemorySwap))
	add(h.NanoCpus > 0, "--cpus", fmt.Sprint(float64(h.NanoCpus)/1e9))
	if h.PidsLimit != nil {
		add(true, "--pids-limit", fmt.Sprint(*h.PidsLimit))
	}
	add(h.ShmSize > 0, "--shm-size", fmt.Sprint(h.ShmSize))
	for _, u := range h.Ulimits {
		add(true, "--ulimit", fmt.Sprintf("%s=%d:%d", u.Name, u.Soft, u.Hard))
	}
	add(h.StorageOpt["size"] != "", "--storage-opt", "size="+h.StorageOpt["size"])
	for _, request := range h.DeviceRequests {
		add(true, "--gpus", fmt.Sprint(request.Count))
	}
	add(h.Privileged, "--privileged")
	for _, name := range h.CapDrop {
		add(true, "--cap-drop", name)
	}
	for _, name := range h.CapAdd {
		add(true, "--cap-add", name)
	}
	for _, option := range h.SecurityOpt {
		add(true, "--security-opt", option)
	}
	for _, device := range h.Devices {
		add(true, "--device", device.PathOnHost)
	}
	add(h.IpcMode != "", "--ipc", h.IpcMode)
	add(h.OomScoreAdj != 0, "--oom-score-adj", fmt.Sprint(h.OomScoreAdj))
	add(h.NetworkMode != "", "--network", h.NetworkMode)
	slices.Sort(c.Env)
	for _, variable := range c.Env {
		if name, _, _ := strings.Cut(variable, "="); slices.Contains(secrets, name) {
			variable = name + "=…"
		}
		add(true, "--env", variable)
	}
	add(c.WorkingDir != "", "--workdir", c.WorkingDir)
	add(c.User != "", "--user", c.User)
	add(c.StopSignal != "", "--stop-signal", c.StopSignal)
	command := c.Cmd
	if c.Entrypoint != nil {
		// The docker command takes one word; the rest is the beginning of the command.
		entrypoint := append(slices.Clone(c.Entrypoint), "")[0]
		add(true, "--entrypoint", entrypoint)
		if len(c.Entrypoint) > 1 {
			command = append(slices.Clone(c.Entrypoint[1:]), c.Cmd...)
		}
	}
	add(true, append([]string{c.Image}, command...)...)
	return strings.Join(line, " \\\n  ")
}

// shellQuote writes a word so that a shell reads it as it is.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
