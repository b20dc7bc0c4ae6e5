#!/bin/sh
# Stops the agent of this directory and removes what Terraform put there, but
# not the log.

set -eu
GATEWAY_DIRECTORY=. sh scripts/stop.sh
rm -rf skyagent told.json scripts
