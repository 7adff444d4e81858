#!/usr/bin/env bash
# A RabbitMQ of another generation beside the one of the machine: Debian 13's, RabbitMQ 4, in a root of its own.
#
#   dev/brokers.sh start    installs and starts what is missing; prints its URL
#   dev/brokers.sh stop     stops it
#   dev/brokers.sh test     runs the integration tests of amqp, and tasks, on it
#   dev/brokers.sh clean    stops it and removes its root
#
# Needs root, Debian 12 and its mirror. State is under .dev/brokers. All can be run twice.
source "$(dirname "$0")/lib.sh"

root="$state/brokers/rabbitmq4"
port=5682
url="amqp://guest:guest@127.0.0.1:$port"
settings=(
	RABBITMQ_NODENAME=docker-worker-4@localhost
	RABBITMQ_NODE_PORT=$port
	RABBITMQ_DIST_PORT=25682
	RABBITMQ_PID_FILE=/var/lib/rabbitmq/docker-worker.pid
	RABBITMQ_ENABLED_PLUGINS_FILE=/dev/null
)

# holder prints the process that keeps the root's mounts, and fails where there is none.
holder() {
	local pid
	pid=$(cat "$state/brokers.pid" 2>/dev/null) && [ -e "/proc/$pid/ns/mnt" ] || return 1
	[ "$(readlink "/proc/$pid/cwd")" = "$root" ] && echo "$pid"
}

# hold makes the mounts of the root, in a namespace of their own: whoever removes the root, or the whole checkout, must
# never get at the host's /dev through it.
hold() {
	holder >/dev/null && return
	rm -f "$state/brokers.held"
	# shellcheck disable=SC2016 # expanded inside
	(cd "$root" && exec setsid unshare --mount --propagation private sh -ec '
		mount -t proc proc proc
		mount --rbind /dev dev
		touch "$1"
		exec sleep infinity' sh "$state/brokers.held") </dev/null >>"$state/brokers.log" 2>&1 &
	echo $! >"$state/brokers.pid"
	wait_for 10 "the root of RabbitMQ 4" test -e "$state/brokers.held"
}

inside() { nsenter --target "$(holder)" --mount chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "${settings[@]}" "$@"; }
answers() { inside rabbitmqctl -q await_startup --timeout 60; }

install() {
	need debootstrap debootstrap
	if [ ! -e "$root/.complete" ]; then
		say "making a Debian 13 root with RabbitMQ 4 (about a minute)"
		rm -rf --one-file-system "$root"
		mkdir -p "$root"
		debootstrap --variant=minbase --include=rabbitmq-server trixie "$root" >"$state/brokers.log" 2>&1 ||
			die "debootstrap failed, see $state/brokers.log"
		touch "$root/.complete"
	fi
	cp /etc/hosts "$root/etc/hosts"
	hold
}

start() {
	install
	if ! inside rabbitmqctl -q ping >/dev/null 2>&1; then
		say "starting RabbitMQ 4 on port $port"
		inside rabbitmq-server -detached >>"$state/brokers.log" 2>&1
		wait_for 120 "RabbitMQ 4" answers
	fi
	say "RabbitMQ $(inside rabbitmqctl -q version) is there"
	echo "$url"
}

stop() {
	holder >/dev/null || return 0
	if inside rabbitmqctl -q ping >/dev/null 2>&1; then
		say "stopping RabbitMQ 4"
		inside rabbitmqctl -q stop >/dev/null 2>&1 || true
	fi
	kill "$(holder)"
	rm -f "$state/brokers.pid" "$state/brokers.held"
}

run_tests() {
	start >/dev/null
	dev/images.sh
	# What must break a broker starts the machine's own kind; everything else runs on this one.
	DOCKER_WORKER_TEST_AMQP=$url go test -tags integration -timeout 20m -count=1 ./amqp
	DOCKER_WORKER_TEST_AMQP=$url go test -tags integration -timeout 20m -count=1 -run \
		'^(TestTasksOfOtherClients|TestRubbishIsAnsweredAndDeadLettered|TestSecondSignalGivesTheTasksBack|TestKilledWorkerComesBack|TestChaosWorkerKilledAtAnyMoment|TestChaosUpgrade|TestChaosCancel|TestChaosTaskThatKillsItsWorker)$' ./e2e
}

case ${1:-} in
start) start ;;
stop) stop ;;
test) run_tests ;;
clean)
	stop
	rm -rf --one-file-system "$root"
	;;
*) sed -n '2,/^source/s/^# \{0,1\}//p' "$0" | head -n -1; exit 2 ;;
esac
