#!/bin/sh
# A file under src/X may include X/..., generated/..., and the public headers of the modules layers.conf allows X.
set -eu
cd "$(dirname "$0")/../.."
bad=0
for file in $(git ls-files 'src/*/*.c' 'src/*/*.h'); do
    module=${file#src/}
    module=${module%%/*}
    allowed=$(sed -n "s/^$module:\(.*\)/\1/p" tests/lint/layers.conf)
    if ! grep -q "^$module:" tests/lint/layers.conf; then
        echo "$file: module $module is not in tests/lint/layers.conf" && bad=1
        continue
    fi
    # shellcheck disable=SC2013 # one include a line, and no blanks in it
    for include in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
        case $include in
        "$module"/* | "tkeauth/$module.h" | "tkeauth/$module"/* | generated/*) continue ;;
        enforcer/enforcer.h) name=enforcer ;;
        tkeauth/*)
            name=${include#tkeauth/}
            name=${name%%/*}
            name=${name%.h}
            ;;
        *) name= ;;
        esac
        case " $allowed " in
        *" ${name:-?} "*) ;;
        *) echo "$file: must not include \"$include\"" && bad=1 ;;
        esac
    done
done
exit $bad
