#!/usr/bin/env bash
# cloud-smoke.sh SKYCTL FROM TO: a copy of 1 MB between two buckets of yours,
# over one machine of the smallest type in the region of each, with your
# configuration and credentials. It costs a few cents, and stops before 1 USD.
# What it printed is kept in cloud-smoke-TIME.txt.
#
# FROM and TO are prefixes (s3://bucket/smoke/) in which it may read, write and
# leave one object. It writes FROM's object itself, through skyctl.
set -euo pipefail

skyctl=${1:?the skyctl to try}
from=${2-} to=${3-}
[ -n "$from" ] && [ -n "$to" ] || {
  echo "name two prefixes of yours in different regions: make cloud-smoke FROM=s3://bucket/smoke/ TO=gs://bucket/smoke/" >&2
  exit 2
}
transcript=cloud-smoke-$(date -u +%Y%m%dT%H%M%SZ).txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head -c 1000000 /dev/urandom > "$work/smoke"

step() {
  printf '\n$ %s\n' "$*"
  "$@"
}

run() {
  date -u
  step "$skyctl" version
  step "$skyctl" init
  step "$skyctl" cp "$work/smoke" "${from%/}/" --gateways 0 --yes
  # For so slow a copy the cheapest machines are planned.
  step "$skyctl" cp -r "${from%/}/" "${to%/}/" --gateways 1 --route direct --min-throughput 1Mbps --max-cost 1 --yes
  step "$skyctl" cp "${to%/}/smoke" "$work/back" --gateways 0 --yes
  step cmp "$work/smoke" "$work/back"
  step "$skyctl" gc
  echo "smoke passed: what is listed above by gc, if anything, is of other runs or kept"
}

set +e
(
  set -e
  run
) 2>&1 | tee "$transcript"
code=${PIPESTATUS[0]}
[ "$code" = 0 ] || echo "smoke failed with exit $code: skyctl gc and skyctl runs show what there is" | tee -a "$transcript"
echo "the transcript is $transcript"
exit "$code"
