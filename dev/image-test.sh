#!/usr/bin/env bash
# The proof without a cloud: the scripts that packer runs make an image in a directory, it boots in QEMU (in software: any
# machine can do it), and systemd starts the engine and a worker that takes tasks from this machine's RabbitMQ. Then it is
# upgraded, broken, repaired and switched off. As root on Debian 12; it can be run again. `make image-test` calls it.
#
# Inside the guest 10.0.2.2 is this machine. What a cloud would give an instance at boot (credentials, the name of the
# queue's host), and a shell on a port of the loopback for this test, are written into the disk after it was scanned.
source "$(dirname "$0")/lib.sh"
source dev/image-root.sh

need qemu-system-x86_64 qemu-system-x86
need mke2fs e2fsprogs
need debugfs e2fsprogs
need unshare util-linux
need vagrant vagrant

queue=image-test-$$
work=$(mktemp -d "$image/vm.XXXXXX")
root=$work/root
worker=bin/docker-worker
passed=0
qemu=

finish() {
	local code=$? name
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	wait || true
	for name in "$queue" "$queue.dead" "docker-worker.claims.$queue.image-test"; do rabbitmqctl -q delete_queue "$name" >/dev/null 2>&1 || true; done
	rabbitmqctl -q eval "rabbit_exchange:delete(rabbit_misc:r(<<\"/\">>, exchange, <<\"$queue.dead\">>), false, <<\"test\">>)." >/dev/null 2>&1 || true
	if [ $code = 0 ]; then rm -rf --one-file-system "$work"; else
		rm -rf --one-file-system "$root" "$work"/*.img
		say "what is left to look at is in $work; the console is console.log"
	fi
}
trap finish EXIT

fact() { passed=$((passed + 1)); echo "ok    $*"; }
# must WHAT COMMAND...: or the test ends.
must() {
	local what=$1
	shift
	"$@" >"$work/must.log" 2>&1 || { cat "$work/must.log" >&2; guest 'systemctl status --no-pager -l docker-worker docker; journalctl -b --no-pager -n 80' >&2 || true; die "FAIL  $what"; }
	fact "$what"
}
now() { date +%s.%N; }
seconds() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.1f", b - a}'; }

### The image

say "packages: this version, and a newer one to upgrade to"
version=$(packaging/version.sh)
make --no-print-directory package >"$work/package.log" 2>&1 || { cat "$work/package.log" >&2; die "no package"; }
make --no-print-directory package DIST_VERSION="$version.1" ARCHITECTURES=amd64 DIST="$work/newer" >"$work/newer.log" 2>&1 || { cat "$work/newer.log" >&2; die "no newer package"; }

say "a Debian 12 machine, with the kernel of cloud images"
fresh_root "$root"
in_root "$root" bash -c 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install linux-image-cloud-amd64' \
	>"$work/kernel.log" 2>&1 || { tail "$work/kernel.log" >&2; die "no kernel"; }
printf '[Match]\nName=en* eth*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' >"$root/etc/systemd/network/10-test.network"
in_root "$root" systemctl enable systemd-networkd >/dev/null 2>&1
in_root "$root" systemctl disable ssh >/dev/null 2>&1 # it has no host keys: in a cloud, cloud-init makes them
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"

say "packer/base/provision.sh"
mkdir -p "$root/opt/base" "$root/opt/app"
cp -r packer/base/. "$root/opt/base"
in_root "$root" bash /opt/base/provision.sh >"$work/base.log" 2>&1 || { tail -n 30 "$work/base.log" >&2; die "base/provision.sh failed"; }

say "packer/app/provision.sh"
cp packer/app/provision.sh dist/packages/* "$root/opt/app"
docker save -o "$root/opt/app/taskenv.tar" docker-worker/taskenv-pass
cat >"$root/opt/app/docker_worker_opts" <<TEXT
DOCKER_WORKER_QUEUE=$queue
DOCKER_WORKER_WORKER_ID=image-test
DOCKER_WORKER_WORKER_TYPE=qemu
DOCKER_WORKER_DRAIN_TIMEOUT=30m
TEXT
in_root_with_engine "$root" bash /opt/app/provision.sh /opt/app taskenv.tar >"$work/app.log" 2>&1 || { tail -n 30 "$work/app.log" >&2; die "app/provision.sh failed"; }
rm -rf --one-file-system "$root/opt/base" "$root/opt/app"
finish_root "$root"
must "no key, credential, history or identity is in the image" dev/image-scan.sh "$root"

cp "$root"/boot/vmlinuz-* "$work/kernel"
cp "$root"/boot/initrd.img-* "$work/initrd"
mke2fs -q -t ext4 -d "$root" "$work/disk.img" 4G
rm -rf --one-file-system "$root"

### Its first boot: what the instance gets

cat >"$work/credentials.env" <<'TEXT'
DOCKER_WORKER_AMQP=amqp://guest:guest@10.0.2.2
TEXT
cat >"$work/shell.socket" <<'TEXT'
[Socket]
ListenStream=9999
Accept=yes
TEXT
cat >"$work/shell@.service" <<'TEXT'
[Service]
ExecStart=/bin/bash -l
StandardInput=socket
StandardOutput=socket
StandardError=socket
TEXT
echo 'INSTANCE_STORAGE_DISKS="/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_scratch*"' >"$work/instance-storage"
debugfs -w -f /dev/stdin "$work/disk.img" >"$work/debugfs.log" 2>&1 <<TEXT
write $work/credentials.env /etc/docker-worker/credentials.env
set_inode_field /etc/docker-worker/credentials.env mode 0100600
write $work/shell.socket /etc/systemd/system/shell.socket
write $work/shell@.service /etc/systemd/system/shell@.service
symlink /etc/systemd/system/sockets.target.wants/shell.socket /etc/systemd/system/shell.socket
rm /etc/default/instance-storage
write $work/instance-storage /etc/default/instance-storage
write $(echo "$work"/newer/packages/*.deb) /root/newer.deb
TEXT
truncate -s 2G "$work/scratch.img"

# guest COMMAND: in a root's shell of the guest.
guest() {
	local reply
	exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
	printf '%s\necho "=$?="\nexit\n' "$1" >&3
	reply=$(timeout 300 cat <&3) || return 1
	exec 3>&-
	grep -v '^=[0-9]*=$' <<<"$reply" || true
	[ "${reply##*$'\n'}" = "=0=" ]
}
guest_up() { [ "$(guest 'echo here' 2>/dev/null)" = here ]; }
guest_says() { guest "$2" | tee /dev/stderr | grep -q -- "$1"; }

# submit NAME TASK: follows the task's events into NAME.events, its log into NAME.log. Call it with &, and kill it so.
submit() { exec timeout 1500 $worker submit --follow --events "$queue" - <<<"$2" >"$work/$1.events" 2>"$work/$1.log"; }
event() { grep -c "\"event\":\"$2\"" "$work/$1.events" || true; }
has_event() { [ "$(event "$1" "$2")" -gt 0 ]; }
messages() { rabbitmqctl -q list_queues name messages_ready | awk -v q="$queue" '$1 == q {print $2}'; }

$worker queue declare "$queue" >/dev/null
submit first '{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "echo hello from $WORKER_ID of type $WORKER_TYPE"]}' &
first=$!

say "boot (QEMU without KVM: slow on purpose)"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
booted=$(now)
timeout 1500 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -display none -no-reboot \
	-kernel "$work/kernel" -initrd "$work/initrd" -append "root=/dev/vda rw console=ttyS0 quiet" \
	-drive file="$work/disk.img",if=virtio,format=raw \
	-drive file="$work/scratch.img",if=none,id=scratch,format=raw -device nvme,drive=scratch,serial=scratch \
	-netdev user,id=net,hostfwd=tcp:127.0.0.1:"$port"-:9999 -device virtio-net-pci,netdev=net \
	-serial file:"$work/console.log" -monitor unix:"$work/monitor",server,nowait 2>"$work/qemu.log" &
qemu=$!

claimed() { has_event first task.claimed || ! kill -0 "$qemu"; }
wait_for 900 "the first task's claim" claimed
claim=$(now)
kill -0 "$qemu" 2>/dev/null || { cat "$work/qemu.log" >&2; tail "$work/console.log" >&2; die "the guest has ended"; }
wait $first || { cat "$work/first.events" "$work/first.log" >&2; die "the first task failed"; }
fact "the first task ran: $(tail -n 2 "$work/first.log" | head -n 1)"
wait_for 300 "the guest's shell" guest_up

mono() { guest "systemctl show -P $2 $1" | awk '{printf "%.1f", $1 / 1e6}'; }
engine_began=$(mono docker.service ExecMainStartTimestampMonotonic)
engine_ready=$(mono docker.service ActiveEnterTimestampMonotonic)
worker_began=$(mono docker-worker.service ExecMainStartTimestampMonotonic)
worker_ready=$(mono docker-worker.service ActiveEnterTimestampMonotonic)
kernel=$(seconds "$booted" "$claim")
echo "      engine ready ${engine_ready} s after the kernel's start, worker begun at ${worker_began} s, ready at ${worker_ready} s"
echo "      first task claimed $kernel s after QEMU's start (this machine's clock)"
awk -v e0="$engine_began" -v e="$engine_ready" -v w="$worker_began" -v r="$worker_ready" -v c="$kernel" 'BEGIN {
	printf "      from the boot to the first claim: %.2f times the boot until the engine is ready\n", c / e
	printf "      the start of the worker takes %.2f of the start of the engine (%.1f s of %.1f s)\n", (r - w) / (e - e0), r - w, e - e0}'
must "the unit is ready, by its own word" guest_says "Status: \"taking tasks from $queue\"" 'systemctl status --no-pager docker-worker'
must "nothing failed at boot" guest_says "^0$" 'systemctl list-units --failed --no-legend --plain | grep -cv "^shell@" || true'
must "engine and state are on instance storage" guest_says "^/dev/nvme" 'findmnt -no SOURCE /var/lib/docker && findmnt -no SOURCE /var/lib/docker-worker'
must "live-restore is on" guest_says "^true$" "docker info -f '{{.LiveRestoreEnabled}}'"
must "the log of the worker has no password" guest '! journalctl -u docker-worker --no-pager | grep -q guest:'

say "instance metadata"
# It is made up here, behind a router as in a cloud: the host may ask, a container may not.
guest 'ip netns add imds && ip link add imds0 type veth peer name imds1 netns imds && ip addr add 192.0.2.1/24 dev imds0 &&
	ip link set imds0 up && ip -n imds addr add 192.0.2.2/24 dev imds1 && ip -n imds addr add 169.254.169.254/32 dev imds1 &&
	ip -n imds link set imds1 up && ip -n imds route add default via 192.0.2.1 && ip route add 169.254.169.254 via 192.0.2.2'
must "the host reaches it" guest 'docker run --rm --network host docker-worker/taskenv-pass ping -c 1 -W 20 169.254.169.254'
must "a container does not" guest_says "unreachable\|100% packet loss" 'docker run --rm docker-worker/taskenv-pass ping -c 1 -W 10 169.254.169.254 2>&1; true'
must "a container reaches other places" guest 'docker run --rm docker-worker/taskenv-pass ping -c 1 -W 20 192.0.2.2'
guest 'ip netns del imds'

say "an upgrade in the middle of a task of 60 seconds"
# However slow the machine is, the task lasts until it has been upgraded under: 60 seconds, and until it is told.
submit upgrade '{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "i=0; until [ $i -ge 60 ] && [ -e /enough ]; do i=$((i + 1)); echo line $i; sleep 1; done"]}' &
upgrade=$!
started() { has_event upgrade task.started; }
wait_for 120 "the task's start" started
container() { guest "docker ps -q --no-trunc --filter label=docker-worker.task"; }
before=$(container)
must "dpkg -i of the newer package" guest 'dpkg -i /root/newer.deb'
must "the newer program is ready" guest_says "^active$" 'systemctl is-active docker-worker'
must "it is the newer one" guest_says "docker-worker $version.1" '/proc/$(systemctl show -P MainPID docker-worker)/exe version'
[ -n "$before" ] && [ "$(container)" = "$before" ] || die "FAIL  the container is another one: before $before, after $(container)"
fact "the same container goes on: ${before:0:12}"
must "systemctl reload" guest 'systemctl reload docker-worker'
again() { guest_says "^active 1$" 'echo $(systemctl is-active docker-worker) $(systemctl show -P NRestarts docker-worker)' 2>/dev/null; }
wait_for 120 "the worker after its reload" again
[ "$(container)" = "$before" ] || die "FAIL  after the reload the container is another one"
fact "the same container goes on after a reload"
guest "docker exec $before touch /enough" || die "FAIL  the container does not run any more"
wait $upgrade || { cat "$work/upgrade.events" "$work/upgrade.log" >&2; die "FAIL  the task that was upgraded under"; }
outcomes=$(($(event upgrade task.completed) + $(event upgrade task.failed) + $(event upgrade task.exception)))
[ "$outcomes" = 1 ] && [ "$(event upgrade task.started)" = 1 ] || { cat "$work/upgrade.events"; die "FAIL  $outcomes outcomes"; }
fact "one outcome, one start"
lines=$(grep -c '^line ' "$work/upgrade.log")
[ "$lines" -ge 60 ] && diff <(seq "$lines" | sed 's/^/line /') <(grep '^line ' "$work/upgrade.log") >/dev/null || { cat "$work/upgrade.log"; die "FAIL  the log has gaps"; }
fact "the log is complete: $lines lines in order"

say "settings with a mistake"
must "the start fails" guest 'echo DOCKER_WORKER_LOG_FORMAT=xml >>/etc/default/docker-worker; ! systemctl restart docker-worker'
must "systemctl status names the mistake" guest_says '\--log-format "xml": it is text or json' 'systemctl status --no-pager -l docker-worker; true'
must "it does not start again and again" guest_says "^failed 0$" 'sleep 8; echo $(systemctl is-failed docker-worker) $(systemctl show -P NRestarts docker-worker)'
must "repaired, it starts" guest 'sed -i /xml/d /etc/default/docker-worker; systemctl start docker-worker'

say "power-off"
submit poweroff '{"image": "docker-worker/taskenv-pass", "command": ["sleep", "900"], "maxRunTime": 1000}' &
poweroff=$!
running() { has_event poweroff task.started; }
wait_for 120 "the task's start" running
off=$(now)
guest 'systemctl poweroff' >/dev/null 2>&1 || true
gone() { ! kill -0 "$qemu"; }
wait_for 300 "the end of the guest" gone
wait $qemu || true
qemu=
fact "off after $(seconds "$off" "$(now)") s, with a task of 900 s under way"
has_event poweroff task.exception && grep -q '"reason":"worker-shutdown"' "$work/poweroff.events" || { cat "$work/poweroff.events"; tail -n 20 "$work/console.log"; die "FAIL  the task's end was not told"; }
fact "the task was told of: worker-shutdown, retrying"
[ "$(messages)" = 1 ] || die "FAIL  the queue has $(messages) messages, and should have the task back"
fact "the task is back on the queue"
kill $poweroff 2>/dev/null || true

say "Vagrantfile"
must "vagrant validate" env VAGRANT_HOME="$work/vagrant" vagrant validate --ignore-provider

echo
echo "$passed passed, 0 failed"
