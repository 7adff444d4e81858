# Shared by the scripts in this folder. Source it; it changes to the root of the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
state="$PWD/.dev" # logs, and the pids of what was started here; git ignores it
mkdir -p "$state"

say() { printf '== %s\n' "$*" >&2; }
die() { printf '== %s\n' "$*" >&2; exit 1; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
	local limit=$1 what=$2 begun=$SECONDS
	shift 2
	until "$@" >/dev/null 2>&1; do
		((SECONDS - begun < limit)) || die "$what did not answer within $limit seconds"
		sleep 0.2
	done
}

# need COMMAND PACKAGE...: install the Debian packages when the command is missing.
need() {
	local command=$1
	shift
	PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null && return
	[ "$(id -u)" = 0 ] || die "$command is missing: run this as root, or install $*"
	command -v apt-get >/dev/null || die "$command is missing, and this is not Debian: install $* by your own means"
	say "installing $* (Debian packages)"
	if [ ! -e "$state/apt-updated" ]; then
		apt-get update >"$state/apt.log" 2>&1 || die "apt-get update failed, see $state/apt.log"
		touch "$state/apt-updated"
	fi
	# policy-rc.d is left alone: what the packages start by themselves is used.
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$state/apt.log" 2>&1 ||
		die "installing $* failed, see $state/apt.log"
}
