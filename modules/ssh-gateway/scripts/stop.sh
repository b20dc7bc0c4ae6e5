#!/bin/sh
# Stops the agent that start.sh started, and returns when it is gone. An agent
# that is gone already, or was never there, is success; one that cannot be
# stopped is a failure, so that Terraform keeps it in its state.
#
# Takes from the environment:
#   GATEWAY_DIRECTORY  where start.sh left its files; the log stays there

set -eu

# running tells whether the process still runs. One with another start time
# has only inherited the number; a zombie answers signals, but is dead.
running() {
	stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
	# The second field is a name in parentheses that may hold anything; what
	# follows starts with the third field, so the 22nd is the 20th of these.
	# shellcheck disable=SC2086 # the fields are to be split
	set -- ${stat##*) }
	case $1 in
	Z | X) return 1 ;;
	esac
	[ "${20}" = "$start" ]
}

# gone waits up to $1 tenths of a second for the process to end. It is nobody's
# child here, so there is nothing to wait(2) for.
gone() {
	left=$1
	while running; do
		[ "$left" -gt 0 ] || return 1
		left=$((left - 1))
		sleep 0.1
	done
}

if [ -e "$GATEWAY_DIRECTORY/pid" ]; then
	read -r pid start <"$GATEWAY_DIRECTORY/pid" || :
	# Above all, "kill -TERM -1" would mean every process there is.
	case "$pid $start" in
	' '* | *' ' | [01]' '* | 0* | *[!0-9]*' '* | *' '*[!0-9]*)
		echo "$GATEWAY_DIRECTORY/pid does not hold a process id and its start time" >&2
		exit 1
		;;
	esac

	# The agent leads a process group. dash knows no "kill -TERM -- -PID".
	if running; then
		kill -TERM "-$pid" || :
		if ! gone 50; then
			kill -KILL "-$pid" || :
			if ! gone 50; then
				echo "process $pid of $GATEWAY_DIRECTORY does not end; stop it by hand" >&2
				exit 1
			fi
		fi
	fi
fi

rm -f "$GATEWAY_DIRECTORY/boot.json" "$GATEWAY_DIRECTORY/pid.new" "$GATEWAY_DIRECTORY/pid" "$GATEWAY_DIRECTORY/cmdline"
