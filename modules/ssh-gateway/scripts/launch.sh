#!/bin/sh
# Starts the agent on this host, in the directory that Terraform filled.
#
#   launch.sh UNIT LIFETIME_SECONDS
#
# Where systemd runs the host and this is root, the agent becomes a unit of its
# own: it outlives this login, is bounded in memory and in time, and
# `systemctl status` shows it. Elsewhere it is a process of its own session, and
# its lifetime is its own to keep.

set -eu
chmod 0755 skyagent

GATEWAY_DIRECTORY=.
GATEWAY_AGENT=./skyagent
GATEWAY_NETNS=
GATEWAY_SCOPE=
GATEWAY_BOOT=$(cat told.json)
rm -f told.json
if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
	GATEWAY_SCOPE="--unit=skyagent-$1 --property=MemoryMax=90% --property=RuntimeMaxSec=$2"
fi
export GATEWAY_DIRECTORY GATEWAY_AGENT GATEWAY_NETNS GATEWAY_SCOPE GATEWAY_BOOT
exec sh scripts/start.sh
