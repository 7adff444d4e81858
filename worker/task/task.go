package task

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"time"
)

// DefaultMaxRunTime bounds a task that does not say how long it may run.
const DefaultMaxRunTime = time.Hour

// DefaultMaxAttempts is how often a task is tried that does not say.
const DefaultMaxAttempts = 5

// defaultStopGrace is the time between the stop signal and SIGKILL, as `docker stop` has it.
const defaultStopGrace = 10 * time.Second

// DefaultNetwork is that of a task that names none.
const DefaultNetwork = "bridge"

// Reserved are the variables that the worker sets and a task cannot. The schema refuses them too; this list is what the
// container gets, and a test holds the two together.
var Reserved = []string{"TASK_ID", "ATTEMPT", "RUN_ID", "WORKER_ID", "WORKER_TYPE", "TRACEPARENT"}

// Task is what a message asks for, validated and with its defaults filled in. schema/task.schema.json says what each
// field means.
type Task struct {
	Image        Image               `json:"image,omitzero"`
	Command      []string            `json:"command,omitzero"`
	Entrypoint   []string            `json:"entrypoint,omitzero"` // nil: the image's; empty: none
	Env          map[string]Variable `json:"env,omitzero"`
	Secrets      []string            `json:"secrets,omitzero"`
	WorkingDir   string              `json:"workingDir,omitzero"`
	User         string              `json:"user,omitzero"`
	TTY          bool                `json:"tty,omitzero"`
	Stdin        string              `json:"stdin,omitzero"`
	MaxRunTime   Seconds             `json:"maxRunTime,omitzero"`
	MaxAttempts  int                 `json:"maxAttempts,omitzero"`
	StopSignal   string              `json:"stopSignal,omitzero"` // "": the image's
	StopGrace    *Seconds            `json:"stopGrace,omitzero"`
	Resources    Resources           `json:"resources,omitzero"`
	Network      string              `json:"network,omitzero"`
	Files        map[string]File     `json:"files,omitzero"`     // by absolute path
	Cache        map[string]string   `json:"cache,omitzero"`     // by name; the path inside the container
	Services     map[string]Service  `json:"services,omitzero"`  // by name, which is the host name
	Artifacts    map[string]Artifact `json:"artifacts,omitzero"` // by name
	Log          Log                 `json:"log,omitzero"`
	OnExitStatus OnExitStatus        `json:"onExitStatus,omitzero"`
	Capabilities Capabilities        `json:"capabilities,omitzero"`
	Features     Features            `json:"features,omitzero"`
	Metadata     json.RawMessage     `json:"metadata,omitzero"`
}

// Image is an image reference. In JSON it is also an object that names its type.
type Image struct {
	Name      string // as the message has it
	Reference Reference
}

// Variable is the value of an environment variable: a text, or one that only the worker can open.
type Variable struct {
	Value  string
	Sealed string // "" where Value is plain
}

// Resources is what a container may use; the zero value of a field leaves it to the worker.
type Resources struct {
	Memory  Bytes             `json:"memory,omitzero"`
	CPUs    float64           `json:"cpus,omitzero"`
	PIDs    int64             `json:"pids,omitzero"`
	ShmSize Bytes             `json:"shmSize,omitzero"`
	Disk    Bytes             `json:"disk,omitzero"`
	GPUs    int               `json:"gpus,omitzero"`
	Ulimits map[string]Ulimit `json:"ulimits,omitzero"`
}

// Ulimit is a limit of each process; -1 is none. In JSON it is also one number, for both.
type Ulimit struct {
	Soft int64 `json:"soft"`
	Hard int64 `json:"hard"`
}

// File is put into the container before it starts. It has a Content or a URL.
type File struct {
	Content  *string `json:"content,omitzero"`
	Encoding string  `json:"encoding,omitzero"` // "base64", or "" for the text as it is
	URL      string  `json:"url,omitzero"`
	SHA256   string  `json:"sha256,omitzero"` // of what URL gives, hexadecimal; "" is not checked
	Extract  bool    `json:"extract,omitzero"`
	Mode     Mode    `json:"mode,omitzero"` // 0 is the default
}

// Service is a container beside the task.
type Service struct {
	Image      Image               `json:"image,omitzero"`
	Command    []string            `json:"command,omitzero"`
	Entrypoint []string            `json:"entrypoint,omitzero"`
	Env        map[string]Variable `json:"env,omitzero"`
	WorkingDir string              `json:"workingDir,omitzero"`
	User       string              `json:"user,omitzero"`
	Resources  Resources           `json:"resources,omitzero"`
	Ready      *Ready              `json:"ready,omitzero"` // nil: the image's HEALTHCHECK, or else its start
}

// Ready says when a service can be used: one of TCP and HTTP, or neither, for its HEALTHCHECK.
type Ready struct {
	TCP     int        `json:"tcp,omitzero"`
	HTTP    *HTTPReady `json:"http,omitzero"`
	Timeout Seconds    `json:"timeout,omitzero"` // 0 is the worker's default
}

// HTTPReady is an address of a service that answers with a status below 400.
type HTTPReady struct {
	Port int    `json:"port,omitzero"`
	Path string `json:"path,omitzero"`
}

// The types of artifacts.
const (
	FileArtifact      = "file"
	DirectoryArtifact = "directory"
	GlobArtifact      = "glob"
)

// Artifact is what is kept of the container's files.
type Artifact struct {
	Type        string `json:"type,omitzero"`
	Path        string `json:"path,omitzero"` // absolute; of a glob, the pattern
	URL         string `json:"url,omitzero"`  // "": the worker's artifact store
	Optional    bool   `json:"optional,omitzero"`
	ContentType string `json:"contentType,omitzero"`
	Expires     string `json:"expires,omitzero"`
}

// Log is what becomes of the log beside the events. In JSON it is also a text, which is Name.
type Log struct {
	MaxSize Bytes  `json:"maxSize,omitzero"` // 0 is the worker's limit
	URL     string `json:"url,omitzero"`
	Name    string `json:"-"` // as an artifact, in the worker's artifact store; "" for none
}

// OnExitStatus lists exit codes with a meaning of their own.
type OnExitStatus struct {
	Retry       []int `json:"retry,omitzero"`
	PurgeCaches []int `json:"purgeCaches,omitzero"`
}

// Capabilities is what a task may do beyond the ordinary.
type Capabilities struct {
	Privileged     bool     `json:"privileged,omitzero"`
	DisableSeccomp bool     `json:"disableSeccomp,omitzero"`
	Add            []string `json:"add,omitzero"` // Linux capabilities, without CAP_
	Devices        Devices  `json:"devices,omitzero"`
}

// Devices are devices of the host.
type Devices struct {
	KVM           bool `json:"kvm,omitzero"`
	LoopbackVideo bool `json:"loopbackVideo,omitzero"`
	LoopbackAudio bool `json:"loopbackAudio,omitzero"`
}

// Features are those of older task formats that change anything here.
type Features struct {
	AllowPtrace bool `json:"allowPtrace,omitzero"`
}

// Seconds is a whole number of seconds.
type Seconds int64

// Duration is s as Go counts time.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// Mode is a file's permissions, in octal.
type Mode fs.FileMode

// MarshalText writes four digits.
func (m Mode) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%04o", m), nil }

// UnmarshalText reads "0644" or "644".
func (m *Mode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 9)
	if err != nil {
		return fmt.Errorf("parse mode: %w", err)
	}
	*m = Mode(n)
	return nil
}
