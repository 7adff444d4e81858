#!/usr/bin/env bash
# Prints what CHANGELOG.md says of a version: its own section, or, for what is built between releases, "Unreleased".
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1

section() { awk -v title="## $1" 'index($0, "## ") == 1 {on = ($0 == title || index($0, title " ") == 1)} on' CHANGELOG.md; }

text=$(section "$version")
if [ -z "$text" ] && [[ $version = *+* ]]; then text=$(section Unreleased); fi
[ -n "$text" ] || { echo "CHANGELOG.md has no section \"## $version\"" >&2; exit 1; }
printf '%s\n\nBuilt as %s.\n' "$text" "$version"
