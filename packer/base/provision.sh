#!/bin/bash
# Turns a fresh Debian 12, Debian 13 or Amazon Linux 2023 into a host for tasks: the container engine and its surroundings.
# Run as root, with the files beside it. Packer, Vagrant and the test of the image all run this one script; it may run
# on a machine, or in the root directory of one that is not booted. It can be run again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# shellcheck source=/dev/null
. /etc/os-release

case $ID in
debian)
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update
	apt-get -q -y --no-install-recommends install docker.io iptables apparmor xfsprogs mdadm ca-certificates \
		unattended-upgrades dbus
	;;
amzn)
	dnf -q -y install docker iptables-nft xfsprogs mdadm ca-certificates shadow-utils
	rm -rf "$here/etc/apt" "$here"/etc/systemd/system/apt-*
	;;
*)
	echo "this is $ID: Debian and Amazon Linux are known here" >&2
	exit 1
	;;
esac

# The tree beside this script is the one of the machine. Owner and mode are set, whatever they were where it came from.
for top in etc usr; do
	(cd "$here" && find $top -type d -exec install -d -m 0755 /{} \; -o -type f -exec install -m 0644 {} /{} \;)
done
chmod 0755 /usr/local/sbin/instance-storage /usr/local/sbin/metadata-firewall

systemctl enable docker.service instance-storage.service metadata-firewall.service
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl restart metadata-firewall.service docker.service
fi
