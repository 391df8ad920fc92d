#!/bin/sh
# The API: thousands of watchers, lists of a hundred thousand objects. usage: kube.sh RELEASE_BUILD_DIR RESULTS.json
set -eu
exec python3 "$(dirname "$0")/kube/run.py" "$1" "$2"
