#!/usr/bin/env bash
# The proof without a cloud: the scripts that packer runs make an image in a directory, it boots in QEMU (in software: any
# machine can do it), and systemd starts the engine and a worker that takes tasks from this machine's RabbitMQ. Then it is
# upgraded, broken, repaired and switched off. As root on Debian 12; it can be run again. `make image-test` calls it.
#
# Inside the guest 10.0.2.2 is this machine. What a cloud would give an instance at boot (credentials, the name of the
# queue's host), and a shell on a port of the loopback for this test, are written into the disk after it was scanned.
source "$(dirname "$0")/lib.sh"
source dev/image-root.sh
source dev/machine.sh

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
machine=

finish() {
	local code=$?
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	jobs -p | xargs -r kill 2>/dev/null || true
	wait || true
	queue_gone image-test
	if [ $code = 0 ]; then rm -rf --one-file-system "$work"; else
		rm -rf --one-file-system "$root" "$work"/*.img
		say "what is left to look at is in $work; the console is console.log"
	fi
}
trap finish EXIT

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

provision "$root" "$work" "$queue" image-test
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
qemu=$! machine=$!

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

upgrade_under_a_task 60
settings_with_a_mistake
power_off
qemu=

say "Vagrantfile"
must "vagrant validate" env VAGRANT_HOME="$work/vagrant" vagrant validate --ignore-provider

echo
echo "$passed passed, 0 failed"
