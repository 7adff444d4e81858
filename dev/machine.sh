# What is tried on a machine that was made from the image, however it is booted. Source it after lib.sh.
#
# It needs: guest COMMAND, a root's shell in the machine; queue, that of its worker; worker, the program here; work, a
# directory; machine, the process that the machine runs in; /root/newer.deb in it, of the version $version.1.
# shellcheck shell=bash disable=SC2034,SC2154,SC2317,SC2329 # from and for those who source it; functions used by name

fact() { passed=$((passed + 1)); echo "ok    $*"; }
# must WHAT COMMAND...: or the test ends.
must() {
	local what=$1
	shift
	"$@" >"$work/must.log" 2>&1 || { cat "$work/must.log" >&2; guest 'systemctl status --no-pager -l docker-worker docker; journalctl -b --no-pager -n 80' >&2 || true; die "FAIL  $what"; }
	fact "$what"
}

guest_says() { guest "$2" | tee /dev/stderr | grep -q -- "$1"; }

# submit NAME TASK: follows the task's events into NAME.events, its log into NAME.log. Call it with &, and kill it so.
submit() { exec timeout 1500 "$worker" submit --follow --events "$queue" - <<<"$2" >"$work/$1.events" 2>"$work/$1.log"; }
# event NAME TYPE: how many there are. What a worker that leaves has told last the next one tells again, word by word.
event() { { grep "\"event\":\"$2\"" "$work/$1.events" || true; } | sort -u | wc -l; }
has_event() { [ "$(event "$1" "$2")" -gt 0 ]; }
messages() { rabbitmqctl -q list_queues name messages_ready | awk -v q="$queue" '$1 == q {print $2}'; }
now() { date +%s.%N; }
seconds() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.1f", b - a}'; }

# queue_gone ID: removes what the worker of that id had at the broker.
queue_gone() {
	local name
	for name in "$queue" "$queue.dead" "docker-worker.claims.$queue.$1"; do rabbitmqctl -q delete_queue "$name" >/dev/null 2>&1 || true; done
	rabbitmqctl -q eval "rabbit_exchange:delete(rabbit_misc:r(<<\"/\">>, exchange, <<\"$queue.dead\">>), false, <<\"test\">>)." >/dev/null 2>&1 || true
}
machine_gone() { ! kill -0 "$machine"; }

# upgrade_under_a_task SECONDS: by the package, then a reload, while a task runs that lasts so long at least.
upgrade_under_a_task() {
	local seconds=$1 upgrade before outcomes lines
	say "an upgrade in the middle of a task of $seconds seconds"
	# However slow the machine is, the task lasts until it has been upgraded under: so many seconds, and until it is told.
	submit upgrade '{"image": "docker-worker/taskenv-pass", "command": ["sh", "-c", "i=0; until [ $i -ge '"$seconds"' ] && [ -e /enough ]; do i=$((i + 1)); echo line $i; sleep 1; done"]}' &
	upgrade=$!
	started() { has_event upgrade task.started; }
	wait_for 120 "the task's start" started
	container() { guest "docker ps -q --no-trunc --filter label=docker-worker.task"; }
	before=$(container)
	must "dpkg -i of the newer package" guest 'dpkg -i /root/newer.deb'
	must "the newer program is ready" guest_says "^active$" 'systemctl is-active docker-worker'
	must "it is the newer one" guest_says "docker-worker $version.1" '/proc/$(systemctl show -P MainPID docker-worker)/exe version'
	[ -n "$before" ] && [ "$(container)" = "$before" ] || die "FAIL  the container is another one: before $before, after $(container)"
	fact "the same container goes on: ${before:0:12}"
	must "systemctl reload" guest 'systemctl reload docker-worker'
	again() { guest_says "^active 1$" 'echo $(systemctl is-active docker-worker) $(systemctl show -P NRestarts docker-worker)' 2>/dev/null; }
	wait_for 120 "the worker after its reload" again
	[ "$(container)" = "$before" ] || die "FAIL  after the reload the container is another one"
	fact "the same container goes on after a reload"
	guest "docker exec $before touch /enough" || die "FAIL  the container does not run any more"
	wait $upgrade || { cat "$work/upgrade.events" "$work/upgrade.log" >&2; die "FAIL  the task that was upgraded under"; }
	outcomes=$(($(event upgrade task.completed) + $(event upgrade task.failed) + $(event upgrade task.exception)))
	[ "$outcomes" = 1 ] && [ "$(event upgrade task.started)" = 1 ] || { cat "$work/upgrade.events"; die "FAIL  $outcomes outcomes"; }
	fact "one outcome, one start"
	lines=$(grep -c '^line ' "$work/upgrade.log")
	[ "$lines" -ge "$seconds" ] && diff <(seq "$lines" | sed 's/^/line /') <(grep '^line ' "$work/upgrade.log") >/dev/null || { cat "$work/upgrade.log"; die "FAIL  the log has gaps"; }
	fact "the log is complete: $lines lines in order"
}

settings_with_a_mistake() {
	say "settings with a mistake"
	must "the start fails" guest 'echo DOCKER_WORKER_LOG_FORMAT=xml >>/etc/default/docker-worker; ! systemctl restart docker-worker'
	must "systemctl status names the mistake" guest_says '\--log-format "xml": it is text or json' 'systemctl status --no-pager -l docker-worker; true'
	must "it does not start again and again" guest_says "^failed 0$" 'sleep 8; echo $(systemctl is-failed docker-worker) $(systemctl show -P NRestarts docker-worker)'
	must "repaired, it starts" guest 'sed -i /xml/d /etc/default/docker-worker; systemctl start docker-worker'
}

# power_off switches the machine off while a task runs. The process of the machine is gone then.
power_off() {
	local poweroff off
	say "power-off"
	submit poweroff '{"image": "docker-worker/taskenv-pass", "command": ["sleep", "900"], "maxRunTime": 1000}' &
	poweroff=$!
	running() { has_event poweroff task.started; }
	wait_for 120 "the task's start" running
	off=$(now)
	guest 'systemctl poweroff' >/dev/null 2>&1 || true
	wait_for 300 "the end of the machine" machine_gone
	wait "$machine" || true
	machine=
	fact "off after $(seconds "$off" "$(now)") s, with a task of 900 s under way"
	has_event poweroff task.exception && grep -q '"reason":"worker-shutdown"' "$work/poweroff.events" || { cat "$work/poweroff.events"; tail -n 20 "$work/console.log"; die "FAIL  the task's end was not told"; }
	fact "the task was told of: worker-shutdown, retrying"
	task_back() { [ "$(messages)" = 1 ]; }
	wait_for 30 "the task on the queue again" task_back
	fact "the task is back on the queue"
	kill $poweroff 2>/dev/null || true
}
