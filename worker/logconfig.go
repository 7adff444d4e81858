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
	if !w.cfg.KeepLog {
		return dockerapi.LogConfig{Type: noLog}
	}
	size := fmt.Sprintf("%dk", 2*w.cfg.MaxLogSize>>10)
	if slices.Contains(w.engine.Plugins.Log, "local") {
		return dockerapi.LogConfig{Type: "local", Config: map[string]string{"max-size": size, "max-file": "1", "compress": "false"}}
	}
	return dockerapi.LogConfig{Type: "json-file", Config: map[string]string{"max-size": size, "max-file": "1"}}
}
