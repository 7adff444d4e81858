# An example of what replaces the shipped /etc/default/docker-worker in an image:
#
#   cp packer/app/docker_worker_opts_example.sh localconfig
#   $EDITOR localconfig
#   bin/deploy packer -var docker_worker_opts=localconfig
#
# NAME=value, one a line: systemd reads it, no shell does. No credentials: the build refuses a URL with a password, and
# each machine gets its own at boot, in /etc/docker-worker/credentials.env. See docs/operations.md.
DOCKER_WORKER_QUEUE=builds
DOCKER_WORKER_WORKER_TYPE=c7i-large
DOCKER_WORKER_CAPACITY=4
DOCKER_WORKER_MAX_RUN_TIME=4h
DOCKER_WORKER_LEASE=5m
DOCKER_WORKER_DRAIN_TIMEOUT=30m
DOCKER_WORKER_LOG_FORMAT=json
