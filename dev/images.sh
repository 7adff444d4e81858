#!/usr/bin/env bash
# Builds the two images that the examples and the tests run, from Debian's static busybox: no registry is asked.
source "$(dirname "$0")/lib.sh"

busybox=$(command -v busybox)
for name in pass fail; do
	context=$(mktemp -d)
	cp "taskenv_$name"/* "$busybox" "$context/"
	# The classic builder is enough, and is there without a plugin.
	DOCKER_BUILDKIT=0 docker build -q -t "docker-worker/taskenv-$name" "$context" >"$state/build.log" 2>&1 || { cat "$state/build.log" >&2; die "building the image of taskenv_$name failed"; }
	rm -r "$context"
done
say "images docker-worker/taskenv-pass and docker-worker/taskenv-fail are built"
