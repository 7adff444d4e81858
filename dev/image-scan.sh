#!/usr/bin/env bash
# Looks for what must not be in a machine image: dev/image-scan.sh DIRECTORY. It prints each finding, and ends with 1 when
# there is one.
set -euo pipefail
cd "$1"
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT

# report WHAT: each line of the input is a place where it is.
report() { sed "s|^\./|/|; s|^|$1: |" >>"$findings"; }

# look: find, where the place may be absent.
look() { find "$@" 2>/dev/null || true; }

# Identity: every machine makes its own.
look ./etc/ssh -name 'ssh_host_*_key*' | report "host key"
[ ! -s etc/machine-id ] || echo ./etc/machine-id | report "machine id"
look ./var/lib/cloud -mindepth 1 -name 'instance*' | report "data of the instance that built it"

# Credentials and history, by where they would be.
look ./root ./home \( -name '.*_history' -o -name authorized_keys -o -name known_hosts -o -name .aws -o -name .docker \
	-o -name .netrc -o -name .gnupg -o -name 'id_*' \) | report "trace of the builder"
look ./etc/docker-worker -type f | report "credentials"
{ grep -E '^[^:]+:\$' etc/shadow || true; } | cut -d: -f1 | report "password of"
look ./var/log -type f -size +0 | report "log"

# Credentials, by what they look like, in every text file that the build may have written. Placeholders in capitals, as
# the comments of the defaults have them, are none.
places=()
for place in etc root home srv opt usr/local var; do [ ! -e "$place" ] || places+=("./$place"); done
{ grep -rIlE -e '-----BEGIN [A-Z ]*PRIVATE KEY-----' "${places[@]}" || true; } | report "private key"
{ grep -rIlE '\b(AKIA|ASIA)[0-9A-Z]{16}\b|aws_(secret_access_key|session_token)[[:space:]]*=' "${places[@]}" || true; } | report "AWS key"
{ grep -rIlE '\b(gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|xox[baprs]-[A-Za-z0-9-]{10})' "${places[@]}" || true; } | report "token"
{ grep -rIE '\b[a-z][a-z0-9+.-]*://[^/@[:space:]:]+:[^/@[:space:]]+@' "${places[@]}" || true; } |
	{ grep -v '://USER:PASSWORD@' || true; } | cut -d: -f1 | sort -u | report "URL with a password"

cat "$findings"
[ ! -s "$findings" ]
