#!/usr/bin/env bash
# Checks the templates: their form, and what packer can say without an account.
#
# A packer that knows plugins checks them as they are (and downloads the plugin). One before 1.7 (Debian's 1.6.6 has the
# Amazon builder inside) gets a copy without what only the plugin knows: plugins.pkr.hcl, and the paragraphs that say so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v packer >/dev/null || { echo "packer is missing: apt-get install packer, or https://developer.hashicorp.com/packer/install" >&2; exit 1; }

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r . "$copy"
mkdir "$copy/packages"
if packer plugins --help >/dev/null 2>&1; then
	packer init "$copy/base"
	packer init "$copy/app"
else
	rm "$copy"/*/plugins.pkr.hcl
	sed -i '/# Only the plugin knows this/,/^$/d' "$copy"/*/*.pkr.hcl
fi

# Names of regions are checked by the builder; an account is not asked.
export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none

for template in base app; do
	packer fmt -check "$template" >/dev/null || { packer fmt -diff -write=false "$template" >&2; echo "packer/$template: packer fmt would change it" >&2; exit 1; }
	for os in debian-12 debian-13 amazon-linux-2023; do
		for arch in amd64 arm64; do
			flags=(-var "os=$os" -var "arch=$arch")
			[ $template = base ] || flags+=(-var "packages=$copy/packages" -var 'images=["debian:12"]'
				-var "docker_worker_opts=$copy/app/docker_worker_opts_example.sh")
			packer validate "${flags[@]}" "$copy/$template"
		done
	done
done
echo "packer/base and packer/app: valid for Debian 12 and 13 and Amazon Linux 2023, amd64 and arm64 ($(packer version | head -n 1))"
