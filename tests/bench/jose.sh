#!/bin/sh
# What a whole token costs beside its bare signature, on one core.
# usage: jose.sh RELEASE_BUILD_DIR RESULTS.json
set -eu
exec "$1/tests/bench/jose/bench_jose" "$2"
