#!/usr/bin/env bash
# Prints the version of what is built here, from git: 1.2.3 at the tag v1.2.3; after it 1.2.3+4.g0a1b2c3 (four commits
# later); 0.0.0+41.g0a1b2c3 before the first tag. It ends in .dirty when files differ from the commit. All of it is a
# valid version for Debian and for RPM, and sorts in the order of the commits.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! described=$(git describe --tags --match 'v[0-9]*' --long --abbrev=7 2>/dev/null); then
	described="v0.0.0-$(git rev-list --count HEAD)-g$(git rev-parse --short=7 HEAD)"
fi
version=${described%-*-*}
version=${version#v}
behind=${described#*"$version"-}
case $behind in
0-*) ;;
*) version="$version+${behind/-/.}" ;;
esac
[ -z "$(git status --porcelain --untracked-files=no)" ] || version="$version$([[ $version = *+* ]] || echo +).dirty"
echo "${version/+./+}"
