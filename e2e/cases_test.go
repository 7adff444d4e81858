//go:build integration

package e2e

// This file is documentation that runs: what a task may say, and what comes of it. TestCases (casesrun_test.go) sends
// every one of them to a worker on the real engine, through the broker.
//
// A task without an image runs docker-worker/taskenv-pass, which has busybox. want is the reason of the outcome, with
// the exit code where a process ended, or, of a malformed task, the pointers of all its problems. log is the whole of
// the command's standard output, or, where it begins with "…", a part of the whole log. The worker allows nothing
// beyond the ordinary, unless host says otherwise.
type payloadCase struct {
	name string
	task string
	want string
	log  string
	host string // "generous": a worker that allows what can be allowed, and has maxima
}

var payloadCases = []payloadCase{
	// The command
	{"the image's own command", `{}`, "completed 0", "\n", ""},
	{"another command", `{"command": ["echo", "hello"]}`, "completed 0", "hello\n", ""},
	{"arguments are not a shell's", `{"command": ["echo", "$HOME", "*"]}`, "completed 0", "$HOME *\n", ""},
	{"an entrypoint takes the command as arguments", `{"entrypoint": ["echo", "a"], "command": ["b"]}`, "completed 0", "a b\n", ""},
	{"an entrypoint alone drops the image's command", `{"entrypoint": ["echo"]}`, "completed 0", "\n", ""},
	{"the exit code is the task's", `{"command": ["sh", "-c", "exit 42"]}`, "failed 42", "", ""},
	{"an exit code of 255", `{"command": ["sh", "-c", "exit 255"]}`, "failed 255", "", ""},
	{"killed by a signal from inside", `{"command": ["sh", "-c", "kill -9 $$"]}`, "failed 137", "", ""},
	{"a command that is not there", `{"command": ["no-such-command"]}`, "start-failed 127", "…\"no-such-command\" is not in the container", ""},
	{"a path that is not there", `{"command": ["/no/such/command"]}`, "start-failed 127", "…is not in the container", ""},
	{"a directory is no command", `{"command": ["/etc"]}`, "start-failed 126", "…cannot be executed", ""},
	{"a shell that does not find a command has started", `{"command": ["sh", "-c", "no-such-command"]}`, "failed 127", "", ""},
	{"a working directory", `{"workingDir": "/usr/local/bin", "command": ["pwd"]}`, "completed 0", "/usr/local/bin\n", ""},
	{"a working directory that is made", `{"workingDir": "/made/for/this", "command": ["pwd"]}`, "completed 0", "/made/for/this\n", ""},
	{"a user by number", `{"user": "1000:1001", "command": ["sh", "-c", "id -u; id -g"]}`, "completed 0", "1000\n1001\n", ""},
	{"a terminal", `{"tty": true, "command": ["sh", "-c", "test -t 1 && echo yes"]}`, "completed 0", "yes\r\n", ""},
	{"no terminal", `{"command": ["sh", "-c", "test -t 1 || echo no"]}`, "completed 0", "no\n", ""},
	{"standard input", `{"stdin": "a\nb\n", "command": ["wc", "-l"]}`, "completed 0", "2\n", ""},
	{"standard input that nobody reads", `{"stdin": "a\nb\n", "command": ["true"]}`, "completed 0", "", ""},
	{"no standard input", `{"command": ["wc", "-c"]}`, "completed 0", "0\n", ""},
	{"a child that is left behind is ended", `{"command": ["sh", "-c", "sleep 600 & echo done"]}`, "completed 0", "done\n", ""},

	// Variables
	{"a variable", `{"env": {"A": "b c"}, "command": ["sh", "-c", "echo \"$A\""]}`, "completed 0", "b c\n", ""},
	{"a variable of several lines", `{"env": {"A": "b\nc"}, "command": ["sh", "-c", "echo \"$A\""]}`, "completed 0", "b\nc\n", ""},
	{"an empty variable is set", `{"env": {"A": ""}, "command": ["sh", "-c", "echo ${A-unset}"]}`, "completed 0", "\n", ""},
	{"the worker's variables", `{"command": ["sh", "-c", "echo $ATTEMPT $RUN_ID"]}`, "completed 0", "1 0\n", ""},
	{"the worker's variables cannot be set", `{"env": {"TASK_ID": "mine"}}`, "malformed-payload /env/TASK_ID", "", ""},
	{"a variable without a name", `{"env": {"": "x"}}`, "malformed-payload /env/", "", ""},
	{"a variable that is a number", `{"env": {"A": 1}}`, "malformed-payload /env/A", "", ""},

	// Time
	{"out of time", `{"maxRunTime": 1, "command": ["sleep", "600"]}`, "timeout 143", "…maxRunTime exceeded: 1s", ""},
	{"out of time, and deaf", `{"maxRunTime": 1, "stopGrace": 0, "command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]}`, "timeout 137", "…maxRunTime exceeded", ""},
	{"last words before the time is up", `{"maxRunTime": 1, "command": ["sh", "-c", "trap 'echo bye; exit 3' TERM; while :; do sleep 0.1; done"]}`, "timeout 3", "…bye\n", ""},
	{"a stop signal of its own", `{"maxRunTime": 1, "stopSignal": "USR1", "command": ["sh", "-c", "trap 'exit 7' USR1; while :; do sleep 0.1; done"]}`, "timeout 7", "", ""},
	{"no time at all", `{"maxRunTime": 0}`, "malformed-payload /maxRunTime", "", ""},
	{"a number of seconds as JSON has it", `{"maxRunTime": 6e1}`, "completed 0", "", ""},
	{"half a second", `{"maxRunTime": 0.5}`, "malformed-payload /maxRunTime", "", ""},
	{"longer than the worker allows", `{"maxRunTime": 7201}`, "malformed-payload /maxRunTime", "…its --max-run-time", "generous"},
	{"more attempts than the worker allows", `{"maxAttempts": 101}`, "malformed-payload /maxAttempts", "…its --max-attempts", ""},

	// Exit codes with a meaning
	{"to be tried again, and there is no attempt left", `{"maxAttempts": 1, "onExitStatus": {"retry": [75]}, "command": ["sh", "-c", "exit 75"]}`, "intermittent-task 75", "…is to be tried again", ""},
	{"another code than the one to be tried again", `{"maxAttempts": 1, "onExitStatus": {"retry": [75]}, "command": ["sh", "-c", "exit 74"]}`, "failed 74", "", ""},
	{"0 cannot be tried again", `{"onExitStatus": {"retry": [0]}}`, "malformed-payload /onExitStatus/retry/0", "", ""},

	// Resources
	{"memory", `{"resources": {"memory": "32m"}, "command": ["sh", "-c", "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes"]}`, "completed 0", "33554432\n", ""},
	{"memory in bytes", `{"resources": {"memory": 33554432}, "command": ["sh", "-c", "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes"]}`, "completed 0", "33554432\n", ""},
	{"more memory than there is", `{"resources": {"memory": "32m"}, "command": ["tail", "/dev/zero"]}`, "oom-killed 137", "…the container was out of memory", ""},
	{"a child that is out of memory", `{"resources": {"memory": "32m"}, "command": ["sh", "-c", "tail /dev/zero; echo $?"]}`, "completed 0", "137\n", ""},
	{"processes", `{"resources": {"pids": 10}, "command": ["sh", "-c", "for i in $(seq 20); do sleep 5 & done; echo all"]}`, "failed 2", "…fork", ""},
	{"CPUs", `{"resources": {"cpus": 0.5}, "command": ["sh", "-c", "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null | cut -d' ' -f1"]}`, "completed 0", "50000\n", ""},
	{"shared memory", `{"resources": {"shmSize": "8m"}, "command": ["sh", "-c", "df -k /dev/shm | tail -1 | awk '{print $2}'"]}`, "completed 0", "8192\n", ""},
	{"a limit of open files", `{"resources": {"ulimits": {"nofile": {"soft": 50, "hard": 60}}}, "command": ["sh", "-c", "ulimit -Sn; ulimit -Hn"]}`, "completed 0", "50\n60\n", ""},
	{"no core files", `{"resources": {"ulimits": {"core": 0}}, "command": ["sh", "-c", "ulimit -c"]}`, "completed 0", "0\n", ""},
	{"a limit that Linux has not", `{"resources": {"ulimits": {"nofiles": 1}}}`, "malformed-payload /resources/ulimits/nofiles", "…did you mean \"nofile\"?", ""},
	{"memory that no process starts with", `{"resources": {"memory": "1m"}}`, "malformed-payload /resources/memory", "", ""},
	{"a size that is none", `{"resources": {"memory": "lots"}}`, "malformed-payload /resources/memory", "", ""},
	{"a disk that the storage cannot limit", `{"resources": {"disk": "1g"}}`, "malformed-payload /resources/disk", "…the engine made no container whose size is limited", ""},
	{"GPUs of a worker that has none", `{"resources": {"gpus": 1}}`, "malformed-payload /resources/gpus", "…its --max-gpus", ""},
	{"more memory than the worker allows", `{"resources": {"memory": "2g"}}`, "malformed-payload /resources/memory", "…its --max-memory", "generous"},
	{"more CPUs than the worker allows", `{"resources": {"cpus": 64.5}}`, "malformed-payload /resources/cpus", "…its --max-cpus", "generous"},
	{"more CPUs than the host has are all that it has", `{"resources": {"cpus": 60}}`, "completed 0", "", "generous"},
	{"the worker's maximum applies to who does not ask", `{"command": ["sh", "-c", "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes"]}`, "completed 0", "1073741824\n", "generous"},

	// Rights
	{"no new rights", `{"command": ["grep", "NoNewPrivs", "/proc/self/status"]}`, "completed 0", "NoNewPrivs:\t1\n", ""},
	{"system calls are filtered", `{"command": ["grep", "Seccomp:", "/proc/self/status"]}`, "completed 0", "Seccomp:\t2\n", ""},
	{"fewer capabilities than the engine gives", `{"command": ["grep", "CapBnd", "/proc/self/status"]}`, "completed 0", "CapBnd:\t00000000800405fb\n", ""},
	{"privileged where that is not allowed", `{"capabilities": {"privileged": true}}`, "malformed-payload /capabilities/privileged", "…--allow privileged", ""},
	{"privileged: false is nothing special", `{"capabilities": {"privileged": false}}`, "completed 0", "", ""},
	{"a capability where it is not allowed", `{"capabilities": {"add": ["NET_ADMIN"]}}`, "malformed-payload /capabilities/add/0", "…--allow capability=NET_ADMIN", ""},
	{"a capability", `{"capabilities": {"add": ["NET_ADMIN"]}, "command": ["sh", "-c", "ip link set lo mtu 1400 && echo set"]}`, "completed 0", "set\n", "generous"},
	{"another capability than the one that is allowed", `{"capabilities": {"add": ["SYS_ADMIN"]}}`, "malformed-payload /capabilities/add/0", "…--allow capability=SYS_ADMIN", "generous"},
	{"without that capability", `{"command": ["ip", "link", "set", "lo", "mtu", "1400"]}`, "failed 2", "", ""},
	{"no filter of system calls", `{"capabilities": {"disableSeccomp": true}, "command": ["grep", "Seccomp:", "/proc/self/status"]}`, "completed 0", "Seccomp:\t0\n", "generous"},
	{"no filter where that is not allowed", `{"capabilities": {"disableSeccomp": true}}`, "malformed-payload /capabilities/disableSeccomp", "", ""},
	{"a device where it is not allowed", `{"capabilities": {"devices": {"kvm": true}}}`, "malformed-payload /capabilities/devices/kvm", "…--allow device=kvm", ""},
	{"a device that there is not", `{"capabilities": {"devices": {"kwm": true}}}`, "malformed-payload /capabilities/devices/kwm", "…did you mean \"kvm\"?", ""},

	// Network
	{"a network", `{"command": ["sh", "-c", "ip -o -4 addr show dev eth0 | wc -l"]}`, "completed 0", "1\n", ""},
	{"no network", `{"network": "none", "command": ["sh", "-c", "ls /sys/class/net"]}`, "completed 0", "lo\n", ""},
	{"the host's network where that is not allowed", `{"network": "host"}`, "malformed-payload /network", "…--allow network=host", ""},
	{"the host's network", `{"network": "host", "command": ["sh", "-c", "test -d /sys/class/net/docker0 && echo docker0"]}`, "completed 0", "docker0\n", "generous"},
	{"another container's network", `{"network": "container:x"}`, "malformed-payload /network", "", ""},

	// Payloads of Mozilla's docker-worker
	{"an image object", `{"image": {"type": "docker-image", "name": "docker-worker/taskenv-pass"}, "command": ["echo", "hello"], "maxRunTime": 60}`, "completed 0", "hello\n", ""},
	{"an image of a type that is not there", `{"image": {"type": "task-image", "name": "public/image.tar.zst"}}`, "malformed-payload /image/type", "…it can be docker-image", ""},
	{"features that are always there", `{"features": {"localLiveLog": true, "bulkLog": true, "artifacts": true, "taskclusterProxy": false}}`, "completed 0", "", ""},
	{"a feature that is not there", `{"features": {"taskclusterProxy": true}}`, "malformed-payload /features/taskclusterProxy", "…is not there in this worker", ""},
	{"ptrace where that is not allowed", `{"features": {"allowPtrace": true}}`, "malformed-payload /features/allowPtrace", "…--allow capability=SYS_PTRACE", ""},
	{"ptrace", `{"features": {"allowPtrace": true}, "command": ["grep", "CapBnd", "/proc/self/status"]}`, "completed 0", "CapBnd:\t00000000800c05fb\n", "generous"},
	{"host memory", `{"capabilities": {"devices": {"hostSharedMemory": true}}}`, "malformed-payload /capabilities/devices/hostSharedMemory", "", ""},
	{"a superseder", `{"supersederUrl": "https://x.example"}`, "malformed-payload /supersederUrl", "", ""},

	// Files
	{"a file", `{"files": {"/etc/app.conf": {"content": "a=1\n"}}, "command": ["cat", "/etc/app.conf"]}`, "completed 0", "a=1\n", ""},
	{"a file that is not text", `{"files": {"/bytes": {"content": "AAEC/w==", "encoding": "base64"}}, "command": ["sh", "-c", "od -An -tx1 /bytes"]}`, "completed 0", " 00 01 02 ff\n", ""},
	{"a script", `{"files": {"/run": {"content": "#!/bin/sh\necho ran\n", "mode": "0755"}}, "command": ["/run"]}`, "completed 0", "ran\n", ""},
	{"a script that cannot be executed", `{"files": {"/run": {"content": "#!/bin/sh\necho ran\n"}}, "command": ["/run"]}`, "start-failed 126", "", ""},
	{"a file in directories that are made", `{"files": {"/a/b/c": {"content": "x"}}, "command": ["sh", "-c", "stat -c '%a %u %n' /a /a/b /a/b/c"]}`, "completed 0", "755 0 /a\n755 0 /a/b\n644 0 /a/b/c\n", ""},
	{"a file in place of a directory", `{"files": {"/bin": {"content": "x"}}}`, "malformed-payload /files/~1bin", "…/bin is a directory in the image", ""},
	{"a file below a file", `{"files": {"/bin/busybox/x": {"content": "x"}}}`, "malformed-payload /files/~1bin~1busybox~1x", "", ""},
	{"an archive that is none", `{"files": {"/a": {"content": "text", "extract": true}}}`, "malformed-payload /files/~1a", "…not a tar, tar.gz, tar.zst or zip", ""},
	{"base64 that is none", `{"files": {"/a": {"content": "?", "encoding": "base64"}}}`, "malformed-payload /files/~1a/content", "", ""},
	{"a file of nothing", `{"files": {"/a": {}}}`, "malformed-payload /files/~1a", "…has neither content nor url", ""},
	{"a file of this host", `{"files": {"/a": {"url": "file:///etc/passwd"}}}`, "malformed-payload /files/~1a /files/~1a/url", "", ""},
	{"an address of this host", `{"files": {"/a": {"url": "http://127.0.0.1:15672/"}}}`, "malformed-payload /files/~1a", "…it would need --allow-address", ""},
	{"the metadata service of a cloud", `{"files": {"/a": {"url": "http://169.254.169.254/latest/meta-data/"}}}`, "malformed-payload /files/~1a", "…it would need --allow-address", ""},

	// Artifacts
	{"an artifact", `{"artifacts": {"out": {"path": "/out"}}, "command": ["sh", "-c", "echo x >/out"]}`, "completed 0", "", "generous"},
	{"an artifact that is not there", `{"artifacts": {"out": {"path": "/out"}}}`, "completed 0", "…artifact out: /out", "generous"},
	{"an artifact of this host, by a link", `{"artifacts": {"out": {"path": "/out"}}, "command": ["ln", "-s", "/var/lib/docker", "/out"]}`, "completed 0", "…artifact out: /out", "generous"},
	{"an artifact without a place", `{"artifacts": {"out": {"path": "/out"}}}`, "malformed-payload /artifacts/out", "…--artifact-store", ""},
	{"a pattern that is none", `{"artifacts": {"out": {"type": "glob", "path": "/[", "url": "https://files.example/x"}}}`, "malformed-payload /artifacts/out/path", "", ""},
	{"an artifact that leads out of the store", `{"artifacts": {"../out": {"path": "/out"}}}`, "malformed-payload /artifacts/..~1out", "", "generous"},

	// Caches
	{"a cache is a directory", `{"cache": {"one": "/cache/one"}, "command": ["sh", "-c", "touch /cache/one/x && ls /cache/one"]}`, "completed 0", "x\n", ""},
	{"several caches", `{"cache": {"a.b": "/a", "c_d": "/c"}, "command": ["sh", "-c", "touch /a/x /c/y && ls /a /c"]}`, "completed 0", "/a:\nx\n\n/c:\ny\n", ""},
	{"two caches in one place", `{"cache": {"a": "/x", "b": "/x/"}}`, "malformed-payload /cache/b", "…is the path of cache a as well", ""},
	{"a cache over everything", `{"cache": {"a": "/"}}`, "malformed-payload /cache/a", "", ""},
	{"a cache whose name is a path", `{"cache": {"../a": "/a"}}`, "malformed-payload /cache/..~1a", "", ""},

	// Services
	{"a service, by its name", `{"services": {"web": {"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "echo hello >/index.html; httpd -f -p 80 -h /"], "ready": {"tcp": 80}}}, "command": ["wget", "-qO-", "http://web/index.html"]}`, "completed 0", "hello\n", ""},
	{"a service that is asked by HTTP", `{"services": {"web": {"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "echo hello >/ok; httpd -f -p 80 -h /"], "ready": {"http": {"port": 80, "path": "/ok"}}}}, "command": ["wget", "-qO-", "http://web/ok"]}`, "completed 0", "hello\n", ""},
	{"a service without a way out", `{"network": "none", "services": {"web": {"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "echo hello >/index.html; httpd -f -p 80 -h /"], "ready": {"tcp": 80}}}, "command": ["sh", "-c", "wget -qO- http://web/index.html"]}`, "completed 0", "hello\n", ""},
	{"a service that is never ready", `{"services": {"web": {"image": "docker-worker/taskenv-pass", "command": ["sleep", "60"], "ready": {"tcp": 80, "timeout": 1}}}}`, "failed", "…service web was not ready after 1s", ""},
	{"a service that ends before the task", `{"services": {"web": {"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "echo last words; exit 5"]}}, "command": ["sleep", "60"]}`, "failed", "…service web: last words", ""},
	{"a service without an image", `{"services": {"web": {}}}`, "malformed-payload /services/web/image", "", ""},
	{"a service whose image is not there", `{"services": {"web": {"image": "$REGISTRY/no/such:image"}}}`, "image-unavailable", "", ""},
	{"a service on the host's network", `{"network": "host", "services": {"web": {"image": "docker-worker/taskenv-pass"}}}`, "malformed-payload /network", "", "generous"},

	// Secrets
	{"a secret is masked", `{"env": {"TOKEN": "hunter2-hunter2"}, "secrets": ["TOKEN"], "command": ["sh", "-c", "echo $TOKEN and more"]}`, "completed 0", "[masked] and more\n", ""},
	{"a secret in another form", `{"env": {"TOKEN": "hunter2-hunter2"}, "secrets": ["TOKEN"], "command": ["sh", "-c", "printf $TOKEN | base64"]}`, "completed 0", "[masked]\n", ""},
	{"a secret that nobody has", `{"secrets": ["TOKEN"]}`, "malformed-payload /secrets/0", "…names no variable of env", ""},
	{"a sealed value without a key", `{"env": {"TOKEN": {"sealed": "v1.00000000.AAAA"}}}`, "malformed-payload /env/TOKEN/sealed", "", ""},
	{"a value that is neither", `{"env": {"TOKEN": {"value": "x"}}}`, "malformed-payload /env/TOKEN/sealed /env/TOKEN/value", "", ""},

	// The log
	{"all of the log", `{"command": ["seq", "3"]}`, "completed 0", "1\n2\n3\n", ""},
	{"a limit of the log", `{"log": {"maxSize": 8}, "command": ["sh", "-c", "printf abcdefghijklmnopqrstuvwxyz"]}`, "completed 0", "…18 bytes of the log are missing here: the log is limited to 8 bytes", ""},
	{"a log that leads out of the store", `{"log": "../log"}`, "malformed-payload /log", "", ""},

	// Images
	{"an image that is not there", `{"image": "$REGISTRY/no/such:image"}`, "image-unavailable", "", ""},
	{"an image without a tag is latest", `{"image": "docker-worker/taskenv-pass:latest"}`, "completed 0", "", ""},
	{"a reference that is none", `{"image": "Docker-Worker/Pass"}`, "malformed-payload /image", "…the name must be lower case", ""},
	{"an image that the worker does not run", `{"image": "registry.example/other"}`, "malformed-payload /image", "…its --allow-image", "generous"},

	// Mistakes
	{"a misspelt field", `{"comand": ["true"]}`, "malformed-payload /comand", "…did you mean \"command\"?", ""},
	{"several mistakes at once", `{"command": "true", "env": [], "user": 0}`, "malformed-payload /command /env /user", "", ""},
	{"mistakes of both kinds at once", `{"tty": "yes", "network": "host", "secrets": ["NOPE"]}`, "malformed-payload /network /secrets/0 /tty", "", ""},
	{"metadata is never looked at", `{"metadata": {"command": 7, "nested": {"deeply": [1e99, null]}}}`, "completed 0", "", ""},
}
