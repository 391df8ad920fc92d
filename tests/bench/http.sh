#!/bin/sh
# What our HTTP side costs beside nginx, and whether it stalls: $1 = release build, $2 = JSON to write.
exec /usr/bin/python3 "$(dirname "$0")/http/run.py" "$@"
