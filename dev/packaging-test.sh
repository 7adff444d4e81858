#!/usr/bin/env bash
# bin/deploy, the templates, the packages, the unit and the provisioning scripts, tried without booting anything: in the
# root directory of a Debian 12. As root; it can be run again. `make packaging-test` calls it, `make image-test` boots.
source "$(dirname "$0")/lib.sh"
source dev/image-root.sh
# shellcheck disable=SC2034,SC2317,SC2329 # used by name

need packer packer
need shellcheck shellcheck
need rpm rpm
need systemd-analyze systemd
need unshare util-linux
need readelf binutils

passed=0
failed=0
work=$(mktemp -d "$image/test.XXXXXX")
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT

# check WHAT COMMAND...: one fact.
check() {
	local what=$1
	shift
	if "$@" >"$work/check.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok    $what"
	else
		failed=$((failed + 1))
		echo "FAIL  $what"
		sed 's/^/      /' "$work/check.log"
	fi
}

# says TEXT COMMAND...: the command fails, and says so in these words.
says() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then echo "it should have failed"; echo "$output"; return 1; fi
	grep -qF -- "$text" <<<"$output" || { echo "it does not say \"$text\":"; echo "$output"; return 1; }
}

not() { ! "$@"; }
inside() { in_root "$root" "$@"; }
# is EXPECTED COMMAND...: what it prints.
is() {
	local want=$1 got
	shift
	got=$("$@") || return 1
	[ "$got" = "$want" ] || { echo "got:  $got"; echo "want: $want"; return 1; }
}

say "scripts"
check "shellcheck" shellcheck -x -P SCRIPTDIR -e SC1091 bin/deploy packaging/version.sh packaging/changes.sh packaging/stop \
	packaging/postinstall.sh packaging/preremove.sh packaging/postremove.sh packer/validate.sh packer/clean.sh \
	packer/base/provision.sh packer/base/usr/local/sbin/* packer/app/provision.sh dev/image-scan.sh
check "shellcheck: the tests of the image" shellcheck -S warning -x -P SCRIPTDIR -e SC1091 dev/boot-test.sh dev/image-test.sh dev/machine.sh dev/image-root.sh

say "bin/deploy"
for command in build package packer packer-base validate image release; do
	check "--help names $command" grep -q "^  $command " <(bin/deploy --help)
done
check "unknown command" says "there is no command no-such" bin/deploy no-such
check "missing options file" says "there is no file nofile" bin/deploy packer -var docker_worker_opts=nofile
check "too old packer" says "too old to build images" env PATH="$work:$PATH" bash -c '
	ln -sf /usr/bin/packer "$0/packer"; bin/deploy packer-base' "$work"
mkdir -p "$work/few"
for tool in bash env dirname cat; do ln -sf "$(command -v $tool)" "$work/few/$tool"; done
check "missing tool" says "go is missing: install Go" env PATH="$work/few" bin/deploy build
check "missing packer" says "packer is missing: install Packer" env PATH="$work/few" bin/deploy packer-base

say "builds"
version=$(packaging/version.sh)
bin/deploy release >"$work/release.log" 2>&1 || { cat "$work/release.log"; die "bin/deploy release failed"; }
mkdir "$work/again"
git ls-files -z | xargs -0 cp -p --parents -t "$work/again"
mkdir -p "$work/again/.dev"
ln -s "$state/tools" "$work/again/.dev/tools"
make --no-print-directory -C "$work/again" release DIST_VERSION="$version" COMMIT="$(git rev-parse HEAD)" \
	SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" >"$work/again.log" 2>&1 || { cat "$work/again.log"; die "the second build failed"; }
check "two builds give the same binaries, packages, SBOMs" diff dist/SHA256SUMS "$work/again/dist/SHA256SUMS"
check "there are 9 files, and their checksums are right" is 9 bash -c 'cd dist && sha256sum -c --quiet SHA256SUMS && wc -l <SHA256SUMS'
check "the SBOM names what is linked in" grep -q '"pkg:golang/github.com/rabbitmq/amqp091-go@' dist/docker-worker-linux-arm64.cdx.json
check "the changes are of this version" grep -q "Built as $version" dist/CHANGES.md
check "the version is git's" grep -q "^docker-worker $version$" <(dist/docker-worker-linux-amd64 version)
check "the commit is git's" grep -q "^commit  *$(git rev-parse HEAD)$" <(dist/docker-worker-linux-amd64 version)
check "static" not grep -q "interpreter" <(file -b dist/docker-worker-linux-* 2>/dev/null || readelf -l dist/docker-worker-linux-*)
arm_machine() { readelf -h dist/docker-worker-linux-arm64 | sed -n 's/ *Machine: *//p'; }
check "arm64 is for arm64" is AArch64 arm_machine

say "templates"
check "packer fmt, packer validate" packer/validate.sh
broken=$work/broken
cp -r packer "$broken"
sed -i 's/instance_type  *=/instanze_type =/' "$broken/app/app.pkr.hcl"
check "a mistake in a template is found" not "$broken/validate.sh"

say "provisioning, in the root directory of a Debian 12"
deb=(dist/packages/docker-worker_*_amd64.deb)
fresh_root "$root"
mkdir -p "$root/opt/base" "$root/opt/app"
cp -r packer/base/. "$root/opt/base"
cp packer/app/provision.sh dist/packages/* "$root/opt/app"
inside bash /opt/base/provision.sh >"$work/base.log" 2>&1 || { tail -n 30 "$work/base.log"; die "base/provision.sh failed"; }
check "base: again" inside bash /opt/base/provision.sh
check "base: engine, storage and firewall start at boot" inside systemctl is-enabled docker instance-storage metadata-firewall
check "base: the units are sound" inside systemd-analyze verify --man=no --recursive-errors=no instance-storage.service metadata-firewall.service
check "base: no instance storage is no error" inside env INSTANCE_STORAGE_DISKS='/dev/disk/by-id/no-such-*' /usr/local/sbin/instance-storage

docker save -o "$root/opt/app/taskenv.tar" docker-worker/taskenv-pass
cp packer/app/docker_worker_opts_example.sh "$root/opt/app/docker_worker_opts"
echo 'DOCKER_WORKER_AMQP=amqps://worker:secret@broker.example' >>"$root/opt/app/docker_worker_opts"
check "app: a password in the options is refused" says "has a password in it" inside bash /opt/app/provision.sh /opt/app
check "app: and not shown" not says "secret" inside bash /opt/app/provision.sh /opt/app
cp packer/app/docker_worker_opts_example.sh "$root/opt/app/docker_worker_opts"
in_root_with_engine "$root" bash -c 'bash /opt/app/provision.sh /opt/app taskenv.tar && docker images -q docker-worker/taskenv-pass >/opt/images &&
	docker info -f "{{.LiveRestoreEnabled}} {{.LoggingDriver}}" >/opt/info' \
	>"$work/app.log" 2>&1 || { tail -n 30 "$work/app.log"; die "app/provision.sh failed"; }
check "base: the engine takes its settings" grep -qx "true json-file" "$root/opt/info"
check "app: the task's image is in the engine" test -s "$root/opt/images"
check "app: the options replace the defaults" cmp "$root/etc/default/docker-worker" packer/app/docker_worker_opts_example.sh
check "app: the worker starts at boot" is enabled inside systemctl is-enabled docker-worker
check "user: in the engine's group" is "docker-worker docker" inside id -Gn docker-worker
check "user: cannot log in" grep -q "^docker-worker:.*:/usr/sbin/nologin$" "$root/etc/passwd"
check "state directory: the user's alone" is "docker-worker 700" inside stat -c '%U %a' /var/lib/docker-worker
check "credentials directory: root's alone" is "root 700" inside stat -c '%U %a' /etc/docker-worker

say "unit"
check "systemd-analyze verify" inside systemd-analyze verify --man=no --recursive-errors=yes docker-worker.service
check "systemd-analyze security: at most 1.5, of 10" inside systemd-analyze security --offline=true --threshold=15 docker-worker.service
systemd-analyze security --offline=true --no-pager packaging/docker-worker.service 2>/dev/null | sed -n 's/^.*Overall/      overall/p'

say "settings with mistakes"
# mistake CODE WORDS NAME=VALUE...: what the unit would run with such a file.
mistake() {
	local want=$1 words=$2 output code=0
	shift 2
	output=$(inside timeout 20 env "$@" bash -c 'exec /usr/bin/docker-worker start $DOCKER_WORKER_QUEUE' 2>&1) || code=$?
	[ $code = "$want" ] && grep -qF -- "$words" <<<"$output" || { echo "exit code $code:"; echo "$output"; return 1; }
}
check "no queue: 2" mistake 2 "QUEUE" DOCKER_WORKER_QUEUE=
check "a number that is none: named" mistake 2 "capacity" DOCKER_WORKER_QUEUE=q DOCKER_WORKER_CAPACITY=many
check "a value that cannot be: 3" mistake 3 "--log-format" DOCKER_WORKER_QUEUE=q DOCKER_WORKER_LOG_FORMAT=xml
check "a broker's URL that is none: 3" mistake 3 "" DOCKER_WORKER_QUEUE=q DOCKER_WORKER_AMQP=http://broker

say "package: upgrade, removal, purge"
check "the package has its name" is docker-worker dpkg-deb -f "${deb[0]}" Package
newer=$work/newer
make --no-print-directory package DIST_VERSION="$version.1" ARCHITECTURES=amd64 DIST="$newer" >"$work/newer.log" 2>&1 ||
	{ cat "$work/newer.log"; die "the newer package failed"; }
cp "$newer"/packages/*.deb "$root/opt/newer.deb"
echo "# changed by the operator" >>"$root/etc/default/docker-worker"
check "dpkg sorts the newer one after" dpkg --compare-versions "$version.1" gt "$version"
check "upgrade" inside dpkg -i /opt/newer.deb
check "upgrade: the new program" grep -q "^docker-worker $version.1$" <(inside docker-worker version)
check "upgrade: the operator's settings stay" grep -q "changed by the operator" "$root/etc/default/docker-worker"
check "upgrade: still starts at boot" is enabled inside systemctl is-enabled docker-worker
check "roll back" inside dpkg -i "/opt/app/$(basename "${deb[0]}")"
check "roll back: the old program" grep -q "^docker-worker $version$" <(inside docker-worker version)
echo DOCKER_WORKER_AMQP=amqp://u:p@h >"$root/etc/docker-worker/credentials.env"
check "removal" inside dpkg -r docker-worker
check "removal: the credentials stay" test -e "$root/etc/docker-worker/credentials.env"
check "removal: the settings stay" test -e "$root/etc/default/docker-worker"
check "removal: no program" test ! -e "$root/usr/bin/docker-worker"
check "purge" inside dpkg -P docker-worker
for path in /etc/default/docker-worker /etc/docker-worker /var/lib/docker-worker /usr/lib/docker-worker /etc/systemd/system/multi-user.target.wants/docker-worker.service; do
	check "purge: no $path" test ! -e "$root$path" -a ! -L "$root$path"
done
check "purge: no user, no group" not grep -rq '^docker-worker:' "$root/etc/passwd" "$root/etc/group"
check "install again" inside dpkg -i "/opt/app/$(basename "${deb[0]}")"

say "rpm"
rpm=(dist/packages/docker-worker-*.x86_64.rpm)
rpmdb=$work/rpm
check "the same files as the .deb" diff \
	<(rpm -qlp "${rpm[0]}" 2>/dev/null | sort) \
	<(dpkg-deb -c "${deb[0]}" | awk '{print $6}' | sed 's|^\.||' | { grep -v '/$' || true; echo /etc/docker-worker; } | sort)
check "settings are kept on upgrade" grep -qx /etc/default/docker-worker <(rpm -qcp "${rpm[0]}" 2>/dev/null)
check "installs into a directory" rpm --root "$rpmdb" --dbpath /var/lib/rpm --nodeps --noscripts --ignorearch -i "${rpm[0]}"
check "its program runs" grep -q "^docker-worker $version$" <("$rpmdb/usr/bin/docker-worker" version)

say "what an image must not have"
rm -rf --one-file-system "${root:?}/opt/"{base,app,images,info,newer.deb}
finish_root "$root"
check "nothing is found" dev/image-scan.sh "$root"
plant() { mkdir -p "$(dirname "$root$1")" && echo "$2" >"$root$1"; says "$1" dev/image-scan.sh "$root" && rm "$root$1"; }
check "planted: a key" plant /var/lib/thing/key.pem "-----BEGIN RSA PRIVATE KEY-----"
check "planted: a URL with a password" plant /etc/default/thing "AMQP=amqps://worker:hunter2@broker.example/"
check "planted: an AWS key" plant /etc/aws.conf "key=AKIAABCDEFGHIJKLMNOP"
check "planted: a history" plant /root/.bash_history "export TOKEN=x"
check "planted: a host key" plant /etc/ssh/ssh_host_ed25519_key "x"

echo
echo "$passed passed, $failed failed"
[ $failed = 0 ]
