#!/usr/bin/env bash
# Makes sure that a Docker engine and a RabbitMQ answer on this machine: installs what is missing, starts what does not
# run, and leaves alone what does. `dev/up.sh test` also installs what the tests need. dev/down.sh ends what this started.
source "$(dirname "$0")/lib.sh"

engine_answers() { docker version; }
broker_answers() { rabbitmqctl -q status; }

has_systemd() { [ -d /run/systemd/system ]; }

start_engine() {
	engine_answers >/dev/null 2>&1 && return
	if has_systemd; then
		say "starting the Docker engine (systemctl start docker)"
		systemctl start docker
	else
		say "starting the Docker engine (dockerd, log in .dev/dockerd.log)"
		# What one that was killed left behind names a process that may be another one by now.
		local pidfile=/var/run/docker.pid
		if [ -e $pidfile ] && [ "$(cat "/proc/$(cat $pidfile)/comm" 2>/dev/null)" != dockerd ]; then
			rm $pidfile
		fi
		setsid dockerd >>"$state/dockerd.log" 2>&1 </dev/null &
		echo $! >"$state/dockerd.pid"
	fi
	wait_for 60 "the Docker engine" engine_answers
}

start_broker() {
	broker_answers >/dev/null 2>&1 && return
	if has_systemd; then
		say "starting RabbitMQ (systemctl start rabbitmq-server)"
		systemctl start rabbitmq-server
	else
		say "starting RabbitMQ (rabbitmq-server -detached)"
		rabbitmq-server -detached >>"$state/rabbitmq.log" 2>&1
		touch "$state/rabbitmq.started"
	fi
	wait_for 90 "RabbitMQ" rabbitmqctl -q await_startup --timeout 60
}

command -v go >/dev/null || die "Go is missing: install Go 1.26 or later, https://go.dev/doc/install"
need dockerd docker.io iptables
need rabbitmq-server rabbitmq-server
need busybox busybox-static
if [ "${1:-}" = test ]; then
	need amqp-publish amqp-tools
	need docker-registry docker-registry
	need curl curl
	/usr/bin/python3 -c 'import pika' 2>/dev/null || need no-such-command-pika python3-pika
fi
start_engine
start_broker
say "Docker engine $(docker version --format '{{.Server.Version}}') and RabbitMQ $(rabbitmqctl -q version) are there"
