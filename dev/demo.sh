#!/usr/bin/env bash
# The main job, seen from outside: a queue, a worker, two tasks, their logs and outcomes. `make run` calls it.
source "$(dirname "$0")/lib.sh"

worker=bin/docker-worker
queue=demo
log="$state/demo-worker.log"

show() { printf '\n$ %s\n' "$*"; }

show docker-worker queue declare $queue
$worker queue declare $queue

show docker-worker start --capacity 2 $queue
$worker start --capacity 2 --worker-id demo --state-dir "$state/demo" $queue 2>"$log" &
pid=$!
trap 'kill $pid 2>/dev/null || true; wait $pid || true' EXIT
taking() { grep -q "taking tasks" "$log" || ! kill -0 $pid 2>/dev/null; }
wait_for 30 "the worker" taking
cat "$log"
kill -0 $pid 2>/dev/null || die "the worker did not start"
seen=$(wc -l <"$log")

show docker-worker submit --follow $queue examples/pass.json
$worker submit --follow $queue examples/pass.json 2>&1

show docker-worker submit --follow $queue examples/fail.json
code=0
$worker submit --follow $queue examples/fail.json 2>&1 || code=$?
echo "(exit code of the command: $code)"
[ $code = 3 ] || die "the failing task should have ended with exit code 3"

show "kill -TERM $pid   # the worker's own log of it all:"
kill -TERM $pid
wait $pid
trap - EXIT
tail -n +$((seen + 1)) "$log"
