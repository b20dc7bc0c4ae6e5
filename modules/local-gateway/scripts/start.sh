#!/bin/sh
# Starts one agent and returns when it listens.
#
# Takes from the environment:
#   GATEWAY_DIRECTORY  where boot data, process id and log of the gateway live
#   GATEWAY_AGENT      path of the skyagent binary
#   GATEWAY_NETNS      network namespace to run it in, empty for our own
#   GATEWAY_SCOPE      options of systemd-run, words without blanks, for a unit of
#                      its own; empty or unset for none
#   GATEWAY_BOOT       boot data; has a secret, hence no argument
#
# The agent says on descriptor 3 how its start went, in one line: "ready PID
# STARTTIME" (STARTTIME is field 22 of /proc/PID/stat) or "error TEXT". An agent
# that dies first closes the descriptor, so reading it never needs a timeout or
# a poll. On failure nothing is left but the log: Terraform runs no destroy
# provisioner for a resource whose creation failed.

set -eu
umask_before=$(umask)
umask 077

boot=$GATEWAY_BOOT
unset GATEWAY_BOOT
scripts=$(cd "$(dirname "$0")" && pwd)
case $GATEWAY_AGENT in
*/*) agent=$(cd "$(dirname "$GATEWAY_AGENT")" && pwd)/$(basename "$GATEWAY_AGENT") ;;
*) agent=$GATEWAY_AGENT ;;
esac

# A Terraform that was killed may have left an agent that no state knows.
/bin/sh "$scripts/stop.sh"

mkdir -p "$GATEWAY_DIRECTORY"
cd "$GATEWAY_DIRECTORY"
directory=$(pwd)
printf '%s\n' "$boot" >boot.json

# Descriptor 5 reads what is written to 3. Opening a FIFO for both ways never
# blocks; descriptor 4 does that and is closed again, so that the end of the
# agent is the end of the file. Nobody else can open what has no name any more.
rm -f ready
mkfifo ready
exec 4<>ready
exec 5<ready 3>ready 4>&-
rm ready

# All three standard descriptors are redirected, else Terraform would wait for
# the agent to close them. The agent gets the caller's umask, and of the
# environment what says how to reach the network, but no credentials: those
# come to a gateway by its control channel or not at all.
(
	umask "$umask_before"
	set -- "$agent" --boot "$directory/boot.json" --ready-fd 3
	for name in SSL_CERT_FILE SSL_CERT_DIR HTTPS_PROXY HTTP_PROXY NO_PROXY TMPDIR; do
		eval "value=\${$name-}"
		[ -z "$value" ] || set -- "$name=$value" "$@"
	done
	set -- env -i "PATH=$PATH" "$@"
	if [ -n "$GATEWAY_NETNS" ]; then
		set -- nsenter --net="/run/netns/$GATEWAY_NETNS" "$@"
	fi
	if [ -n "${GATEWAY_SCOPE-}" ]; then
		# shellcheck disable=SC2086 # the options are to be split
		set -- systemd-run --scope --collect --quiet $GATEWAY_SCOPE "$@"
	fi
	exec setsid "$@"
) </dev/null >agent.log 2>&1 5<&- &
child=$!
exec 3>&-

# setsid made the child a group of its own, unless it has not come that far.
abandon() {
	kill -KILL "-$child" 2>/dev/null || kill -KILL "$child" 2>/dev/null || :
	wait "$child" || :
	rm -f boot.json pid.new pid cmdline
}
trap 'abandon; exit 130' INT TERM

# The agent is the child itself: setsid, systemd-run, nsenter and env become it. A process
# that claims to be another one is never written down, for stop.sh to kill.
word= pid= start=
read -r word pid start <&5 || :
if [ "$word $pid" = "ready $child" ]; then
	# Whole or not at all: Terraform kills this script when it is interrupted.
	printf '%s\n' "$pid $start" >pid.new
	mv pid.new pid
	# The process as the check of this module will look for it; empty if it is
	# dead already.
	if cat "/proc/$pid/cmdline" >cmdline 2>/dev/null && [ -s cmdline ]; then
		exit 0
	fi
fi

abandon
case $word in
error) echo "skyagent: $pid $start" ;;
ready) echo "skyagent reported process $pid and is not running; see $directory/agent.log" ;;
*) echo "skyagent did not start: $(tail -n 3 agent.log)" ;;
esac >&2
exit 1
