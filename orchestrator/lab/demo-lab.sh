#!/usr/bin/env bash
# make demo-lab: an Internet in a box with two regions and a relay, skyctl moving
# objects over both ways at once with a live picture of the links, and rclone doing
# the same in the same box. Nothing is left at the end.
set -euo pipefail

skyctl=$(realpath "$1")
rclone=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
PATH=$(dirname "$skyctl"):$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/skyctl-demo-lab.XXXXXX")
export SKYCTL_HOME=$work/home
lab=fast-relay
export SKYCTL_LAB=$lab # which is meant where others are up
up=

finish() {
  local status=$?
  trap - EXIT INT TERM
  [ -z "$up" ] || "$skyctl" lab down || status=1
  rm -rf "$work"
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

say "The network, as a file"
cat "$here/scenarios/$lab.yaml"

say "The network, as namespaces with real TCP and UDP, an S3 server in canada and one in tokyo"
show skyctl lab up "$here/scenarios/$lab.yaml"
up=yes
show skyctl lab show
stores=/var/lib/skyctl/lab/$lab/stores
mkdir -p "$stores/canada/data/src"
for i in $(seq -w 20); do head -c 2500000 /dev/urandom >"$stores/canada/data/src/$i"; done

say "The plan: what the links allow, over both ways"
show skyctl lab run -- skyctl plan -r canada://data/src/ tokyo://data/skyctl/

say "Carried out, and what passes over the links meanwhile"
(exec skyctl lab show --watch) 2>/dev/null &
watch=$!
skyctl lab run -- skyctl apply --yes --json >"$work/result.json" 2>"$work/progress" || { cat "$work/progress" >&2; exit 1; }
kill -INT "$watch"
wait "$watch" || true
grep -E '"(success|verified|transfer_s|total_runtime_s|throughput_gbits)"' "$work/result.json"
show diff -r "$stores/canada/data/src" "$stores/tokyo/data/skyctl" && echo "equal: $(find "$stores/tokyo/data/skyctl" -type f | wc -l) objects"

say "rclone in the same box, on a machine in canada: it has the direct link"
start=$(date +%s.%N)
show skyctl lab run --in canada -- "$rclone" copy canada:data/src tokyo:data/rclone --s3-no-check-bucket --transfers 16 --checkers 16
end=$(date +%s.%N)
show diff -r "$stores/canada/data/src" "$stores/tokyo/data/rclone" && echo "equal"

say "The comparison"
transfer=$(sed -n 's/.*"transfer_s": *\([0-9.]*\).*/\1/p' "$work/result.json")
total=$(sed -n 's/.*"total_runtime_s": *\([0-9.]*\).*/\1/p' "$work/result.json")
awk -v t="$transfer" -v a="$total" -v r="$(awk "BEGIN{print $end-$start}")" 'BEGIN {
  printf "skyctl  %5.1f s transfer, %5.1f s with starting and stopping three gateways\n", t, a
  printf "rclone  %5.1f s\n", r
  printf "ratio   %5.1f\n", r / t }'
