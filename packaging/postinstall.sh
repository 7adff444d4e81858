#!/bin/sh
# After the files are there: Debian calls this with `configure [OLD VERSION]`, RPM with 1 (new) or 2 (upgrade).
set -e

case $1 in
configure | 1 | 2) ;;
*) exit 0 ;;
esac

# The engine's package makes the group; it may come after this one.
getent group docker >/dev/null || groupadd --system docker
getent group docker-worker >/dev/null || groupadd --system docker-worker
if ! getent passwd docker-worker >/dev/null; then
	useradd --system --gid docker-worker --home-dir /var/lib/docker-worker --no-create-home \
		--shell /usr/sbin/nologin --comment "docker-worker" docker-worker
fi
usermod --append --groups docker docker-worker
install -d -m 0700 -o docker-worker -g docker-worker /var/lib/docker-worker

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ "$1" = 2 ] || [ -n "${2:-}" ]; then
	# The running tasks do not notice: the old program leaves their containers to the new one.
	systemctl try-restart docker-worker.service ||
		echo "docker-worker did not come back: systemctl status docker-worker says why" >&2
else
	cat <<-'TEXT'
		docker-worker is installed, and does not run yet:
		  1. set DOCKER_WORKER_QUEUE in /etc/default/docker-worker
		  2. put DOCKER_WORKER_AMQP=amqps://USER:PASSWORD@BROKER into /etc/docker-worker/credentials.env (0600)
		  3. systemctl enable --now docker-worker
	TEXT
fi
