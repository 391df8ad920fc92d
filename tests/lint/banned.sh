#!/bin/sh
# Functions that have hurt everybody, by name (include/tkeauth/base/banned.h poisons most of them as well).
set -eu
cd "$(dirname "$0")/../.."
bad=0
# Not in comments, and with the blank that clang-format never writes in a call.
if git grep -nE '^[^*/]*\b(strcpy|strcat|sprintf|vsprintf|strncpy|strncat|strtok|gets|atoi|atol|atoll|strtol|strtoul|gmtime|localtime|ctime|rand|srand|alloca|system|popen|tmpnam|mktemp)\(' \
    -- 'src/*.c' 'src/*.h' 'include/*.h'; then
    echo "banned functions: see above" && bad=1
fi
# Protocol text must not depend on the locale.
if git grep -nE '^[^*/]*\b(isalnum|isalpha|isdigit|isspace|toupper|tolower|strcasecmp|strncasecmp)[[:space:]]*\(' -- 'src/*.c' 'src/*.h'; then
    echo "locale-dependent functions: see above" && bad=1
fi
exit $bad
