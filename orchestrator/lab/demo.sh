#!/usr/bin/env bash
# make demo: two S3 servers on this machine, some hundred MB of mixed objects in
# one of them, and skyctl moving them to the other through a relay region. Shows
# every step, and at the end that nothing is left.
set -euo pipefail

versitygw=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
skyctl=$root/bin/skyctl
work=$(mktemp -d "${TMPDIR:-/tmp}/skyctl-demo.XXXXXX")
export SKYCTL_HOME=$work/home DEMO_KEY=demo DEMO_SECRET=only-on-this-machine
servers=()

finish() {
  local status=$?
  trap - EXIT INT TERM
  if [ -d "$SKYCTL_HOME/runs" ] && ! "$skyctl" destroy --all --yes >"$work/destroy.log" 2>&1; then
    cat "$work/destroy.log"
    echo "what is left is in $work"
    exit 7
  fi
  [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

# serve NAME starts an S3 server on a free port and sets endpoint_NAME. A port
# that was taken in between shows as a server that ends: then the next is tried.
serve() {
  local name=$1 port
  mkdir -p "$work/$name/data"
  for port in $(shuf -i 20000-32000 -n 20); do
    ROOT_ACCESS_KEY=$DEMO_KEY ROOT_SECRET_KEY=$DEMO_SECRET \
      "$versitygw" --port "127.0.0.1:$port" --keep-alive --quiet posix "$work/$name" >"$work/$name.log" 2>&1 &
    local pid=$!
    while kill -0 "$pid" 2>/dev/null; do
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        servers+=("$pid")
        declare -g "endpoint_$name=http://127.0.0.1:$port"
        return
      fi
      sleep 0.05
    done
  done
  cat "$work/$name.log"
  echo "the S3 server $name did not start" >&2
  exit 1
}

say "Two S3 servers, and a configuration that puts them into two regions with a relay between"
serve east
serve west
cd "$work"
cat > skyctl.yaml <<YAML
stores:
  east: {type: s3, endpoint: "$endpoint_east", region: "local:east", path_style: true,
         credentials: {access_key_id: "\${DEMO_KEY}", secret_access_key: "\${DEMO_SECRET}"}}
  west: {type: s3, endpoint: "$endpoint_west", region: "local:west", path_style: true,
         credentials: {access_key_id: "\${DEMO_KEY}", secret_access_key: "\${DEMO_SECRET}"}}
regions:
  local:east: {}
  local:mid: {}
  local:west: {}
links:            # the direct link is slow, the way through local:mid is not
  - {from: local:east, to: local:west, gbps: 0.1, rtt_ms: 80, usd_per_gb: 0.02, both: true}
  - {from: local:east, to: local:mid, gbps: 2, rtt_ms: 20, usd_per_gb: 0.01, both: true}
  - {from: local:mid, to: local:west, gbps: 2, rtt_ms: 20, usd_per_gb: 0.01, both: true}
YAML
cat skyctl.yaml

say "Mixed objects: a big one, middling ones, many small ones, odd names. skyctl itself puts them into the first store"
mkdir -p files/many files/odd
head -c 150M /dev/urandom > files/big
for i in 1 2 3 4; do head -c 25M /dev/urandom > "files/middling-$i"; done
for i in $(seq -w 1000); do head -c 4096 /dev/urandom > "files/many/$i"; done
: > files/odd/empty
head -c 1000 /dev/urandom > 'files/odd/é ü 漢 +%25#?&='
du -sh files | cut -f1
show "$skyctl" cp -r files/ east://data/src/ --gateways 0 --yes

say "From one region to the other, through gateways that Terraform starts"
show "$skyctl" cp -r east://data/src/ west://data/dst/ --gateways 1 --yes --keep

say "The same bytes? Compared on the servers' disks, with diff"
show diff -r --brief east/data/src west/data/dst && echo "equal: $(find west/data/dst -type f | wc -l) objects"

run=$("$skyctl" runs --json | sed -n 's/.*"run": *"\([^"]*\)".*/\1/p' | tail -n 1)
say "What Terraform holds; plain Terraform works in the run's directory too"
show "$skyctl" terraform "$run" -- state list
show "$skyctl" terraform "$run" -- plan -detailed-exitcode -compact-warnings

say "Destroyed: no resource in the state, no agent among the processes"
show "$skyctl" destroy "$run"
show "$skyctl" terraform "$run" -- state list
agents=0
for pid in $(pgrep -x skyagent || true); do
  if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$work"; then agents=$((agents + 1)); fi
done
echo "agents of this demo: $agents"
[ "$agents" -eq 0 ]

say "The result document, as --json prints it: once more, to a new prefix, over the relay"
show "$skyctl" cp -r east://data/src/ west://data/again/ --gateways 1 --yes --json
