#!/bin/sh
# Before the files go: Debian calls this with `remove` or `upgrade VERSION`, RPM with 0 (removal) or 1 (upgrade).
set -e

case $1 in
remove | 0) ;;
*) exit 0 ;; # the new package restarts the service
esac

if [ -d /run/systemd/system ]; then
	systemctl disable --now docker-worker.service || true # waits for the running tasks
else
	systemctl disable docker-worker.service || true
fi
