# The root directory of a Debian 12 machine, and commands in it. Source it after lib.sh; it needs root.
# shellcheck shell=bash disable=SC2154
#
# What a cloud's image has before anything of ours is in it comes from debootstrap, once, and is kept in .dev/image.

image="$state/image"
mkdir -p "$image"

# Besides a minimal Debian: an init, devices, the network, and the login that every cloud image has.
machine_packages=systemd,systemd-sysv,dbus,udev,iproute2,ca-certificates,kmod,netbase,openssh-server

# fresh_root DIRECTORY: makes it anew.
fresh_root() {
	local root=$1
	need debootstrap debootstrap
	if [ ! -e "$image/bookworm.tar" ]; then
		say "making a Debian 12 (debootstrap)"
		rm -rf --one-file-system "$image/bookworm"
		debootstrap --variant=minbase --include=$machine_packages bookworm "$image/bookworm" >"$image/debootstrap.log" 2>&1 ||
			{ tail "$image/debootstrap.log" >&2; die "debootstrap failed, see $image/debootstrap.log"; }
		tar -C "$image/bookworm" -cf "$image/bookworm.tar.part" .
		mv "$image/bookworm.tar.part" "$image/bookworm.tar"
		rm -rf --one-file-system "$image/bookworm"
	fi
	rm -rf --one-file-system "$root"
	mkdir -p "$root"
	tar -C "$root" -xpf "$image/bookworm.tar"
	# No service starts while packages are installed in a directory; the real machine has no such file.
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod +x "$root/usr/sbin/policy-rc.d"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
}

# in_root DIRECTORY COMMAND...: its mounts and its processes end with it.
in_root() {
	local root=$1
	shift
	unshare --mount --pid --fork --kill-child --propagation private bash -euc '
		mount -t proc proc "$1/proc"
		mount --rbind /dev "$1/dev"
		mount --rbind /sys "$1/sys"
		mount -t tmpfs tmpfs "$1/run"
		root=$1
		shift
		exec chroot "$root" /usr/bin/env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' in_root "$root" "$@"
}

# in_root_with_engine DIRECTORY COMMAND...: with the directory's own engine running, in a network of its own, so that it
# shares nothing with the engine of this machine. It cannot pull, but load.
in_root_with_engine() {
	local root=$1
	shift
	unshare --mount --pid --net --fork --kill-child --propagation private bash -euc '
		mount --bind "$1" "$1"
		cd "$1"
		shift
		mount --rbind /dev dev
		mount --rbind /sys sys
		mount -t proc proc proc
		mount -t tmpfs tmpfs run
		mkdir -p old
		pivot_root . old
		umount -l /old
		rmdir /old
		export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		ip link set lo up
		dockerd --group root >/var/log/dockerd-build.log 2>&1 &
		engine=$!
		for ((i = 0; i < 300; i++)); do
			if docker version >/dev/null 2>&1; then break; fi
			kill -0 $engine || { cat /var/log/dockerd-build.log >&2; exit 1; }
			sleep 0.2
		done
		code=0
		"$@" || code=$?
		kill $engine
		wait $engine || true
		rm -f /var/log/dockerd-build.log
		exit $code' in_root_with_engine "$root" "$@"
}

# provision DIRECTORY LOGS QUEUE ID: what packer does to a machine: the scripts of the base and of the app, the packages in
# dist/packages, the image of the tasks, and settings for a worker of this id on this queue.
provision() {
	local root=$1 logs=$2
	say "packer/base/provision.sh"
	mkdir -p "$root/opt/base" "$root/opt/app"
	cp -r packer/base/. "$root/opt/base"
	in_root "$root" bash /opt/base/provision.sh >"$logs/base.log" 2>&1 || { tail -n 30 "$logs/base.log" >&2; die "base/provision.sh failed"; }

	say "packer/app/provision.sh"
	cp packer/app/provision.sh dist/packages/* "$root/opt/app"
	docker save -o "$root/opt/app/taskenv.tar" docker-worker/taskenv-pass
	cat >"$root/opt/app/docker_worker_opts" <<-TEXT
		DOCKER_WORKER_QUEUE=$3
		DOCKER_WORKER_WORKER_ID=$4
		DOCKER_WORKER_WORKER_TYPE=$4
		DOCKER_WORKER_DRAIN_TIMEOUT=30m
	TEXT
	in_root_with_engine "$root" bash /opt/app/provision.sh /opt/app taskenv.tar >"$logs/app.log" 2>&1 || { tail -n 30 "$logs/app.log" >&2; die "app/provision.sh failed"; }
	rm -rf --one-file-system "$root/opt/base" "$root/opt/app"
}

# finish_root DIRECTORY: what a machine has not.
finish_root() {
	rm "$1/usr/sbin/policy-rc.d"
	bash -c 'cp packer/clean.sh "$1/root/clean.sh"' _ "$1"
	in_root "$1" bash /root/clean.sh
	rm "$1/root/clean.sh"
	: >"$1/etc/resolv.conf"
}
