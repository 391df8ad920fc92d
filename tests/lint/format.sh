#!/bin/sh
# Every C file as clang-format writes it: ./dev fmt
set -eu
cd "$(dirname "$0")/../.."
found=$(git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror 2>&1 | grep -E 'error:' || true)
[ -z "$found" ] && exit 0
echo "$found" | head -20
exit 1
