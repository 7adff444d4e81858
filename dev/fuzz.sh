#!/usr/bin/env bash
# Runs every fuzz target of the module for FUZZTIME each, which is a count (20000x) or a time (60s). The targets are found, not listed: none can be forgotten.
source "$(dirname "$0")/lib.sh"

found=0
while IFS=: read -r file target; do
	go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20000x}" "./$(dirname "$file")"
	found=$((found + 1))
done < <(git ls-files --cached --others --exclude-standard '*_test.go' |
	xargs grep -Ho '^func Fuzz[A-Za-z0-9_]*' | sed 's/func //')
((found > 0)) || die "no fuzz target was found"
