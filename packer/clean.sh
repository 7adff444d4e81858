#!/bin/bash
# The last step of an image: removes what belongs to this one machine, or to whoever built it. What is left must be fit
# to be copied a thousand times: no key, no credential, no history, no identity.
set -euo pipefail

# Identity: made anew at the first boot.
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/dbus/machine-id /var/lib/systemd/random-seed
: >/etc/machine-id
rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data

# Credentials and traces of the builder. cloud-init puts the keys of an instance there again.
rm -rf /etc/docker-worker/credentials.env /root/.docker /root/.aws /root/.ssh
for home in /root /home/*; do
	rm -rf "$home"/.bash_history "$home"/.ssh/authorized_keys "$home"/.ssh/known_hosts "$home"/.docker "$home"/.aws \
		"$home"/.wget-hsts "$home"/.lesshst "$home"/.viminfo "$home"/.cache
done

# What would only make the image larger, or older than it looks.
if command -v apt-get >/dev/null; then apt-get -q clean && rm -rf /var/lib/apt/lists/*; fi
if command -v dnf >/dev/null; then dnf -q clean all; fi
rm -rf /var/lib/docker-worker/* /var/log/journal/* /tmp/* /var/tmp/*
find /var/log -type f -exec truncate -s 0 {} +
