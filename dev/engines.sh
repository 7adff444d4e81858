#!/bin/bash
# Container engines of several generations beside the one of the machine, each with its own data, socket and network:
#
#   docker20   the docker.io package of Debian 12: Docker 20.10, API 1.41
#   docker26   the docker.io package of Debian 13 in a root of its own: Docker 26, API 1.24 to 1.45
#   podman4    the podman package of Debian 12: podman 4.3, which speaks the Docker API 1.41
#
#   dev/engines.sh start ENGINE    installs and starts what is missing; prints the engine's DOCKER_HOST
#   dev/engines.sh stop ENGINE     stops it, and what runs in it
#   dev/engines.sh host ENGINE     prints its DOCKER_HOST
#   dev/engines.sh list            prints the engines that this machine can have
#   dev/engines.sh clean           stops all and removes their data
#   dev/engines.sh test [ENGINE…]  runs the integration tests of dockerapi, and tasks, on each of them, all by default
#   dev/engines.sh record ENGINE   rewrites the recordings of the engine in dockerapi/testdata
#
# Needs root, Debian 12 and its mirror. State is under .dev/engines (ENGINES_DIR replaces it; keep it short, because a
# socket's path has 107 characters at most). All can be run twice.
#
# Each engine is in a network namespace of its own without a way out, with its own loopback and docker0: in the
# machine's, a dockerd with another bridge removes the docker0 of the machine's own engine, which is not touched. What an
# engine is to reach, as a registry, runs in its namespace: nsenter --net=.dev/engines/ENGINE/network.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
state=${ENGINES_DIR:-$repo/.dev/engines}
trixie_packages=docker.io,iptables,busybox-static,ca-certificates

say() { echo "engines: $*" >&2; }
die() { say "$*"; exit 1; }

# install PACKAGE COMMAND...: installs the package when one of its commands is missing.
install() {
    local package=$1 command
    shift
    for command in "$@"; do
        command -v "$command" >/dev/null && continue
        say "installing $package"
        apt-get install -y -q --no-install-recommends "$package" >&2 ||
            { apt-get update -q >&2 && apt-get install -y -q --no-install-recommends "$package" >&2; }
        return
    done
}

# alive PIDFILE: the process that the file names runs.
alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

# await SOCKET PIDFILE LOG: an engine makes its socket first and answers when it is ready; it may also die.
await() {
    local i
    for ((i = 0; i < 300; i++)); do
        [ -S "$1" ] && return
        if ((i > 50)) && ! alive "$2"; then break; fi
        sleep 0.1
    done
    tail -n 20 "$3" >&2
    die "no engine at $1; its log is $3"
}

# end PIDFILE: asks the process to stop, and waits for it, 30 seconds at most.
end() {
    alive "$1" || { rm -f "$1"; return 0; }
    local pid
    pid=$(cat "$1")
    kill "$pid"
    timeout 30 tail --pid="$pid" -f /dev/null || kill -9 "$pid" 2>/dev/null || true
    rm -f "$1"
}

# network ENGINE: the file that is its network namespace. It has no name of `ip netns`, because each state has its own.
network() { echo "$state/$1/network"; }

# make_network ENGINE: unless it is there. Forwarding is on, as engines want it: podman does not ask.
make_network() {
    local file
    file=$(network "$1")
    install iproute2 ip
    nsenter --net="$file" true 2>/dev/null && return
    mkdir -p "$state/$1"
    : >"$file"
    unshare --net="$file" sh -c 'ip link set lo up && echo 1 >/proc/sys/net/ipv4/ip_forward'
}

socket() {
    case $1 in
    docker20) echo "$state/docker20/engine.sock" ;;
    docker26) echo "$state/docker26/root/srv/engine.sock" ;;
    podman4) echo "$state/podman4/engine.sock" ;;
    *) die "no engine $1: docker20, docker26, podman4" ;;
    esac
}

# containerd_config ROOT: without CRI, which nobody here asks for and which would want ports.
containerd_config() {
    cat <<EOF
version = 2
root = "$1/containerd"
state = "$1/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$1/containerd.sock"
EOF
}

# dockerd_flags ROOT CGROUP: nothing of it is shared with another engine. A network without a way out needs no firewall.
dockerd_flags() {
    echo "--containerd $1/containerd.sock --data-root $1/data --exec-root $1/run/docker --pidfile $1/docker.pid" \
        "--host unix://$1/engine.sock --cgroup-parent $2 --iptables=false --ip6tables=false --userland-proxy=false" \
        "--insecure-registry 127.0.0.0/8"
}

start_docker20() {
    local d=$state/docker20
    install docker.io dockerd containerd
    install iptables iptables
    mkdir -p "$d/run"
    containerd_config "$d" >"$d/containerd.toml"
    rm -f "$d"/*.sock "$d/docker.pid"
    setsid nsenter --net="$(network docker20)" \
        containerd --config "$d/containerd.toml" >"$d/containerd.log" 2>&1 </dev/null &
    echo $! >"$d/containerd.pid"
    await "$d/containerd.sock" "$d/containerd.pid" "$d/containerd.log"
    # shellcheck disable=SC2046 # flags are words
    setsid nsenter --net="$(network docker20)" \
        dockerd $(dockerd_flags "$d" dw-docker20) >"$d/engine.log" 2>&1 </dev/null &
    echo $! >"$d/engine.pid"
}

# A plain chroot is not enough for Docker 26, which unpacks images in a chroot of its own and must see its root as a
# mount: hence a mount namespace and pivot_root. The socket is on disk, because /run is private to the namespace.
start_docker26() {
    local d=$state/docker26 root=$state/docker26/root
    install debootstrap debootstrap
    mkdir -p "$d"
    if ! [ -e "$d/root.complete" ]; then
        say "making a Debian 13 root in $root"
        rm -rf --one-file-system "$root"
        debootstrap --variant=minbase --include=$trixie_packages trixie "$root" >"$d/debootstrap.log" 2>&1 ||
            { tail -n 20 "$d/debootstrap.log" >&2; die "no Debian 13 root; the log is $d/debootstrap.log"; }
        touch "$d/root.complete"
    fi
    mkdir -p "$root/srv/run"
    containerd_config /srv >"$root/srv/containerd.toml"
    rm -f "$root"/srv/*.sock "$root"/srv/*.pid
    cat >"$root/srv/start" <<EOF
#!/bin/bash
umount -l /old
containerd --config /srv/containerd.toml >/srv/containerd.log 2>&1 </dev/null &
echo \$! >/srv/containerd.pid
until [ -S /srv/containerd.sock ]; do
    kill -0 \$(cat /srv/containerd.pid) || exit 1
    sleep 0.1
done
exec dockerd $(dockerd_flags /srv dw-docker26)
EOF
    chmod +x "$root/srv/start"
    setsid nsenter --net="$(network docker26)" unshare --mount --propagation private bash -euc '
        mount --bind "$1" "$1"
        cd "$1"
        mkdir -p old
        mount --rbind /dev dev
        mount --rbind /sys sys
        mount -t proc proc proc
        mount -t tmpfs tmpfs run
        mount -t tmpfs tmpfs tmp
        cp /etc/hosts etc/hosts
        pivot_root . old
        exec /srv/start' start "$root" >"$d/engine.log" 2>&1 </dev/null &
    echo $! >"$d/engine.pid"
}

# podman_command ROOT: podman with this engine's data, in its network.
podman_command() {
    echo "env CONTAINERS_CONF=$1/containers.conf CONTAINERS_REGISTRIES_CONF=$1/registries.conf TMPDIR=/tmp" \
        "nsenter --net=$(network podman4) podman --root $1/storage --runroot $1/run --tmpdir $1/tmp" \
        "--network-config-dir $1/networks"
}

# podman is told to use runc, cgroupfs and limits that the machine allows; Debian's own choices want systemd.
start_podman4() {
    local d=$state/podman4
    install podman podman
    install runc runc
    install catatonit catatonit
    install netavark /usr/lib/podman/netavark
    mkdir -p "$d"
    # podman bounds its own processes by pid_max, and a container may not have more.
    local files processes pid_max
    files=$(ulimit -Hn) processes=$(ulimit -Hu) pid_max=$(cat /proc/sys/kernel/pid_max)
    [ "$files" != unlimited ] || files=1048576
    if [ "$processes" = unlimited ] || ((processes > pid_max)); then processes=$pid_max; fi
    cat >"$d/containers.conf" <<EOF
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]
log_driver = "k8s-file"
init_path = "/usr/bin/catatonit"
[network]
network_backend = "netavark"
EOF
    printf '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n' >"$d/registries.conf"
    rm -f "$d/engine.sock"
    # shellcheck disable=SC2046 # words
    setsid $(podman_command "$d") system service --time=0 "unix://$d/engine.sock" >"$d/engine.log" 2>&1 </dev/null &
    echo $! >"$d/engine.pid"
}

start() {
    local d=$state/$1 s
    s=$(socket "$1")
    if ! alive "$d/engine.pid"; then
        ((${#s} <= 107)) || die "the path $s is too long for a socket: set ENGINES_DIR"
        say "starting $1"
        make_network "$1"
        "start_$1"
        await "$s" "$d/engine.pid" "$d/engine.log"
    fi
    echo "unix://$s"
}

stop() {
    local d=$state/$1
    socket "$1" >/dev/null
    if [ "$1" = podman4 ] && alive "$d/engine.pid"; then # whose containers outlive the service
        $(podman_command "$d") stop --all --time 0 >/dev/null || say "podman did not stop all of its containers"
    fi
    end "$d/engine.pid"
    end "$d/containerd.pid"
    end "$d/root/srv/containerd.pid"
    umount "$(network "$1")" 2>/dev/null || true # there may be none
}

# versions ENGINE: the API versions that are recorded of it.
versions() {
    case $1 in
    docker20) echo docker-20.10-1.41 ;;
    docker26) echo docker-26-1.41 docker-26-1.44 ;;
    podman4) echo podman-4-1.41 ;;
    esac
}

# go_test ENGINE ARGUMENT...: with the engine as DOCKER_HOST, in the engine's network: tests serve what it is to reach.
go_test() {
    local engine=$1 host
    shift
    host=$(start "$engine")
    (cd "$repo" && DOCKER_HOST=$host go test -count=1 -exec "nsenter '--net=$(network "$engine")'" -timeout 10m "$@")
}

run_tests() {
    local engine
    [ $# -gt 0 ] || set -- docker20 docker26 podman4
    install busybox-static busybox
    for engine; do
        say "testing on $engine"
        go_test "$engine" -tags integration ./dockerapi
        end_to_end "$engine"
    done
}

# end_to_end ENGINE: the program runs tasks on it, of every outcome.
end_to_end() {
    local host
    host=$(start "$1")
    say "tasks from end to end on $1"
    DOCKER_HOST=$host "$repo/dev/images.sh"
    go_test "$1" -tags integration -run '^TestRun$' ./e2e
}

record() {
    local name
    install busybox-static busybox
    install docker-registry docker-registry
    for name in $(versions "$1"); do
        say "recording $name"
        DOCKERAPI_RECORD=$name go_test "$1" -tags integration,record -run 'TestRecord$' ./dockerapi
    done
}

case ${1:-} in
start) start "${2:?which engine}" ;;
stop) stop "${2:?which engine}" ;;
host) echo "unix://$(socket "${2:?which engine}")" ;;
test) shift; run_tests "$@" ;;
record) socket "${2:?which engine}" >/dev/null; record "$2" ;;
list) echo docker20 docker26 podman4 ;;
clean)
    for engine in docker20 docker26 podman4; do
        stop $engine
        # What an engine left mounted must go before its files do.
        awk -v d="$state/$engine/" 'index($2, d) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
        rm -rf --one-file-system "${state:?}/$engine"
    done
    ;;
*) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 2 ;;
esac
