#!/bin/sh
# All shell scripts, by their first line.
set -eu
cd "$(dirname "$0")/../.."
git ls-files | while read -r file; do
    case $file in *.c | *.h | *.py | *.md) continue ;; esac
    if [ -f "$file" ] && head -c 40 "$file" | head -1 | grep -qaE '^#!.*\b(ba)?sh\b'; then echo "$file"; fi
done | xargs shellcheck
