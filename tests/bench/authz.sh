#!/bin/sh
# Reviews over HTTPS keep-alive, with few and with many rules, beside a static answer of the same server.
# usage: authz.sh RELEASE_BUILD_DIR RESULTS.json
set -eu
exec python3 "$(dirname "$0")/authz/run.py" "$1/tests/bench/authz/bench_authz" "$2"
