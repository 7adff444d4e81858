#!/bin/sh
# After the files are gone: Debian calls this with `remove`, then perhaps `purge`; RPM, which knows no purge, with 0 or 1.
set -e

[ ! -d /run/systemd/system ] || systemctl daemon-reload

if [ "$1" = purge ]; then
	rm -rf /var/lib/docker-worker /etc/docker-worker
	! getent passwd docker-worker >/dev/null || userdel docker-worker
	! getent group docker-worker >/dev/null || groupdel docker-worker
fi
