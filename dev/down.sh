#!/usr/bin/env bash
# Ends the Docker engine and the RabbitMQ that dev/up.sh started, and no others.
source "$(dirname "$0")/lib.sh"

if [ -e "$state/dockerd.pid" ]; then
	pid=$(cat "$state/dockerd.pid")
	if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
		say "stopping the Docker engine (pid $pid)"
		kill "$pid"
		gone() { ! kill -0 "$pid"; }
		wait_for 60 "the end of the Docker engine" gone
	fi
	rm "$state/dockerd.pid"
fi
if [ -e "$state/rabbitmq.started" ]; then
	say "stopping RabbitMQ"
	rabbitmqctl -q stop >/dev/null 2>&1 || true
	rm "$state/rabbitmq.started"
fi
