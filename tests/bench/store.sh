#!/bin/sh
# Durable writes, lists and owned sets of the store against plain SQLite. Usage: store.sh RELEASE_BUILD_DIR RESULT.json
set -eu
exec "$1/tests/bench/store/store_bench" "$2"
