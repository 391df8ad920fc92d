#!/bin/sh
# The installed libraries show enforcer_* and nothing else, and the header stands alone.
# usage: exports.sh BUILD_FOLDER_OF_THE_MODULE HEADER
set -eu
others=$(nm -D --defined-only "$1/libenforcer.so" | awk '{print $3}' | grep -Ev '^(enforcer_|_init$|_fini$|__asan|__odr_asan|__ubsan|__tsan)' || true)
[ -z "$others" ] || { echo "libenforcer.so also exports: $others"; exit 1; }
others=$(nm -g --defined-only "$1/libenforcer.a" 2>/dev/null | awk 'NF == 3 {print $3}' | grep -Ev '^(enforcer_|__odr_asan|__asan)' || true)
[ -z "$others" ] || { echo "libenforcer.a also exports: $others"; exit 1; }
readelf -d "$1/libenforcer.so" | grep -q 'SONAME.*libenforcer\.so\.0' || { echo "wrong soname"; exit 1; }
echo '#include "'"$2"'"' | "${CC:-cc}" -std=c11 -Wall -Wextra -pedantic -Werror -fsyntax-only -x c -
! grep -n 'include "' "$2"
