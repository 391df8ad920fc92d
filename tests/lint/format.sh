#!/bin/sh
# Every C file as clang-format writes it: ./dev fmt
set -eu
cd "$(dirname "$0")/../.."
git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror 2>&1 | grep -E 'error:' | head -20 && exit 1
exit 0
