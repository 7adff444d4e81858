package worker

import (
	"fmt"
	"slices"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// noLog is the log driver that keeps nothing.
const noLog = "none"

// logConfig is the engine's own copy of a task's log. It is never read while all goes well: the output comes by attach.
// A worker that comes back, or that lost sight of its engine, fills the gap from it.
//
// The driver local keeps bytes as they are; json-file, for engines that do not have it, replaces what is not UTF-8.
// One file that is larger than what is relayed of a log anyway: local drops what is rotated away, without a word.
func (w *Worker) logConfig() dockerapi.LogConfig {
	return w.logConfigOf(2 * w.cfg.MaxLogSize)
}

// serviceLogSize is how much of a service's log the engine keeps, in bytes.
const serviceLogSize = 16 << 20

// serviceLogConfig is the same for the log of a service, of which only the time between two processes is read again.
func (w *Worker) serviceLogConfig() dockerapi.LogConfig {
	return w.logConfigOf(min(serviceLogSize, 2*w.cfg.MaxLogSize))
}

func (w *Worker) logConfigOf(bytes int64) dockerapi.LogConfig {
	if !w.cfg.KeepLog {
		return dockerapi.LogConfig{Type: noLog}
	}
	size := fmt.Sprintf("%dk", bytes>>10)
	if slices.Contains(w.engine.Plugins.Log, "local") {
		return dockerapi.LogConfig{Type: "local", Config: map[string]string{"max-size": size, "max-file": "1", "compress": "false"}}
	}
	return dockerapi.LogConfig{Type: "json-file", Config: map[string]string{"max-size": size, "max-file": "1"}}
}
