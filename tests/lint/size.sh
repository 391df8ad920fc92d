#!/bin/sh
# No source file over 1,000 lines, no function over 100 (ctags tells where they end).
set -eu
cd "$(dirname "$0")/../.."
bad=0
for file in $(git ls-files 'src/*.c' 'src/*.h' 'include/*.h'); do
    lines=$(wc -l <"$file")
    [ "$lines" -le 1000 ] || { echo "$file: $lines lines" && bad=1; }
done
long=$(git ls-files 'src/*.c' | xargs ctags -x --c-kinds=f --_xformat='%{end} %n %N %F' | awk '$1 - $2 >= 100 { print $4 ": " $3 " has " $1 - $2 + 1 " lines" }')
[ -z "$long" ] || { echo "$long" && bad=1; }
exit $bad
