#!/bin/sh
# Tokens, refreshes and logins per second beside what their signatures cost alone; memory; start. Usage: oidc.sh RELEASE_BUILD_DIR RESULT.json
set -eu
exec /usr/bin/python3 "$(dirname "$0")/oidc/run.py" "$1" "$2"
