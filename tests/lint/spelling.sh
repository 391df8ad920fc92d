#!/bin/sh
set -eu
cd "$(dirname "$0")/../.."
git ls-files | grep -vE '(^|/)(corpus|node_modules)/|package-lock\.json|\.svg$|\.ldif$|messages/' |
    xargs codespell --ignore-words tests/lint/spelling.ignore --quiet-level 2
