#!/bin/sh
# Puts the agent where the boot data look for it, so that nothing is fetched, and
# leaves a machine that has never booted: cloud-init has to run again.
set -eu
install -o root -g root -m 0755 /tmp/skyagent /usr/local/bin/skyagent
rm /tmp/skyagent
/usr/local/bin/skyagent --version
if command -v waagent >/dev/null; then
  waagent -force -deprovision+user
fi
cloud-init clean --logs --machine-id --seed
rm -f /etc/ssh/ssh_host_*
sync
