#!/usr/bin/env bash
# The machine image's root directory, booted on this machine's kernel at its full speed: systemd as the first process of a
# container (systemd-nspawn) starts the engine and a worker, which takes a task from this machine's RabbitMQ. What
# make image-test shows in QEMU, some thirty times slower, is timed here. As root on Debian 12; it can be run again.
# `make boot-test` calls it.
source "$(dirname "$0")/lib.sh"
source dev/image-root.sh
source dev/machine.sh

need systemd-nspawn systemd-container
need nsenter util-linux
need ip iproute2
need rabbitmqctl rabbitmq-server

queue=boot-test-$$
user=boot-test-$$
link=dwboot$$
work=$(mktemp -d "$image/boot.XXXXXX")
root=$work/root
worker=bin/docker-worker
passed=0
machine= # the process that is systemd's container manager
init=    # that of its container

finish() {
	local code=$?
	if [ -n "$machine" ]; then
		[ -z "$init" ] || kill -KILL "$init" 2>/dev/null || true # and all that is in its container
		wait_for 30 "the end of the machine" machine_gone
	fi
	jobs -p | xargs -r kill 2>/dev/null || true
	wait || true
	network_gone "$link"
	rabbitmqctl -q delete_user "$user" >/dev/null 2>&1 || true
	queue_gone boot-test
	if [ $code = 0 ]; then rm -rf --one-file-system "$work"; else
		rm -rf --one-file-system "$root"
		say "what is left to look at is in $work; the console is console.log"
	fi
}
trap finish EXIT
trap 'exit 143' INT TERM

network_gone() {
	ip link del "$1" 2>/dev/null || true
	ip netns del "$1" 2>/dev/null || true
}

say "packages: this version, and a newer one to upgrade to"
version=$(packaging/version.sh)
make --no-print-directory package ARCHITECTURES=amd64 >"$work/package.log" 2>&1 || { cat "$work/package.log" >&2; die "no package"; }
make --no-print-directory package DIST_VERSION="$version.1" ARCHITECTURES=amd64 DIST="$work/newer" >"$work/newer.log" 2>&1 || { cat "$work/newer.log" >&2; die "no newer package"; }

say "a Debian 12 machine"
fresh_root "$root"
provision "$root" "$work" "$queue" boot-test
finish_root "$root"
cp "$work"/newer/packages/*.deb "$root/root/newer.deb"

# What the instance gets at boot: credentials, here of a user for this test, because the broker's guest comes from the
# loopback alone.
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
rabbitmqctl -q add_user "$user" "$password"
rabbitmqctl -q set_permissions "$user" '.*' '.*' '.*'
(umask 077 && echo "DOCKER_WORKER_AMQP=amqp://$user:$password@198.18.77.1" >"$root/etc/docker-worker/credentials.env")
for old in $(ip netns list | awk '/^dwboot[0-9]/ {print $1}'); do network_gone "$old"; done # of a test that was killed
ip netns add "$link"
ip link add "$link" type veth peer name dwguest netns "$link"
ip addr add 198.18.77.1/30 dev "$link"
ip link set "$link" up
ip -n "$link" addr add 198.18.77.2/30 dev dwguest
ip -n "$link" link set dwguest up
ip -n "$link" link set lo up
# A container's control groups are there to be read; an engine needs to write them.
mkdir -p "$root/etc/systemd/system/docker.service.d"
cat >"$root/etc/systemd/system/docker.service.d/test.conf" <<'TEXT'
[Service]
ExecStartPre=/bin/sh -c 'for group in /sys/fs/cgroup/*; do mount -o remount,bind,rw "$group"; done'
TEXT
in_root "$root" systemctl disable ssh >/dev/null 2>&1 # it has no host keys: in a cloud, cloud-init makes them

# guest COMMAND: in a root's shell of the machine.
guest() { nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup --root /usr/bin/env -C / bash -c "$1"; }
$worker queue declare "$queue" >/dev/null
submit first '{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "echo hello from $WORKER_ID of type $WORKER_TYPE"]}' &
first=$!

# boot starts the machine, and returns when the worker is ready. An engine needs what a machine has: all rights within
# the container, its kernel's settings and its control groups.
boot() {
	SYSTEMD_NSPAWN_API_VFS_WRITABLE=network systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --machine="$link" --boot \
		--capability=all --system-call-filter="add_key keyctl bpf @mount" --network-namespace-path="/run/netns/$link" --console=pipe \
		</dev/null >>"$work/console.log" 2>&1 &
	machine=$!
	booted() { init=$(pgrep -P "$machine" | head -n 1) && [ -n "$init" ] && [ "$(guest 'systemctl is-active docker-worker')" = active ]; }
	machine_up() { machine_gone 2>/dev/null || booted; }
	wait_for 120 "the worker in the machine" machine_up
	booted || { tail -n 20 "$work/console.log" >&2; die "FAIL  this machine cannot boot a Debian in a container: see above"; }
}

mono() { guest "systemctl show -P $2 $1"; }
# timings says how long the engine and the worker took to be ready, by systemd's clock.
timings() {
	awk -v e0="$(mono docker.service ExecMainStartTimestampMonotonic)" -v e="$(mono docker.service ActiveEnterTimestampMonotonic)" \
		-v w="$(mono docker-worker.service ExecMainStartTimestampMonotonic)" -v r="$(mono docker-worker.service ActiveEnterTimestampMonotonic)" 'BEGIN {
		printf "      the worker is ready %.0f ms after the engine (promised: 1000), and %.0f ms after its own start: %.2f of what the engine takes to start (%.0f ms)\n",
			(r - e) / 1e3, (r - w) / 1e3, (r - w) / (e - e0), (e - e0) / 1e3}'
}

say "boot (systemd-nspawn)"
boot
timings
wait $first || { cat "$work/first.events" "$work/first.log" >&2; die "the first task failed"; }
fact "the first task ran: $(tail -n 2 "$work/first.log" | head -n 1)"
must "the unit is ready, by its own word" guest_says "Status: \"taking tasks from $queue\"" 'systemctl status --no-pager docker-worker'
must "nothing failed at boot" guest_says "^0$" 'systemctl list-units --failed --no-legend --plain | wc -l'
must "live-restore is on" guest_says "^true$" "docker info -f '{{.LiveRestoreEnabled}}'"
must "the log of the worker has no password" guest "! journalctl -u docker-worker --no-pager | grep -q $password"

say "two boots more"
for _ in 1 2; do
	guest 'systemctl poweroff' >/dev/null 2>&1 || true
	wait_for 120 "the end of the machine" machine_gone
	wait "$machine" || true
	boot
	timings
done

upgrade_under_a_task 5
settings_with_a_mistake
power_off

echo
echo "$passed passed, 0 failed"
