#!/bin/bash
# Puts docker-worker on a host that base/provision.sh has prepared:
#
#   provision.sh DIRECTORY [IMAGE...]
#
# DIRECTORY holds the packages (docker-worker_*.deb, docker-worker-*.rpm) and may hold docker_worker_opts, which then
# replaces /etc/default/docker-worker. Each IMAGE is pulled by the engine's own command line, or, when it is a file in
# DIRECTORY that ends in .tar, loaded. Run as root; it can be run again.
set -euo pipefail
directory=$1
shift

# shellcheck source=/dev/null
. /etc/os-release
case $ID in
debian) package=("$directory"/docker-worker_*_"$(dpkg --print-architecture)".deb) ;;
amzn) package=("$directory"/docker-worker-*."$(uname -m)".rpm) ;;
*) echo "this is $ID: Debian and Amazon Linux are known here" >&2 && exit 1 ;;
esac
if [ ${#package[@]} != 1 ] || [ ! -f "${package[0]}" ]; then
	echo "one package for this machine is needed in $directory, and there is: ${package[*]}" >&2
	exit 1
fi

opts=$directory/docker_worker_opts
if [ -f "$opts" ]; then
	if grep -nE '^[^#]*amqps?://[^/@[:space:]]*:[^/@[:space:]]*@' "$opts" | sed -E 's|://[^@]*@|://***@|'; then
		echo "docker_worker_opts has a password in it, which would be in the image: give it to the machine at boot," \
			"in /etc/docker-worker/credentials.env" >&2
		exit 1
	fi
fi

case $ID in
debian) DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i "${package[0]}" ;;
amzn) dnf -q -y install "${package[0]}" ;;
esac
if [ -f "$opts" ]; then install -m 0644 "$opts" /etc/default/docker-worker; fi
systemctl enable docker-worker.service

for image in "$@"; do
	case $image in
	*.tar) docker load -i "$directory/$image" ;;
	*) docker pull "$image" ;;
	esac
done
