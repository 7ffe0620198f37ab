#!/usr/bin/env bash
# refused.sh COMPILER PROGRAM
#
# Checks that a compiler refuses a bad program, and for the right reason. The program's first comment
# says what is expected, in lines such as
#
#     gcc: incompatible type for argument 2        an extended regular expression of the diagnostic
#     clang++: accepted                            nothing is wrong: no complaint at all is expected
#     flags: -Werror                               to compile with
#     parts: 2                                     compiled with PART=1 and 2, and linked
#
# Exits with 0 if all is as expected, 1 if the bad program was accepted, 2 if it was refused with
# another diagnostic, 3 if nothing is said of this compiler, 77 if the compiler is not there.
set -euo pipefail
export LC_ALL=C

compiler=$1 program=$2
root=$(cd "$(dirname "$0")/../.." && pwd)

said() { # KEY: what the first comment says of it
    sed -n 's|^ \* \(.*\)|\1|p; s|^// \(.*\)|\1|p; /^ \*\/$/q; /^#/q' "$program" | sed -n "s|^$1: ||p"
}

expected=$(said "$compiler")
if [ -z "$expected" ]; then
    echo "$program says nothing of $compiler" >&2
    exit 3
fi
if ! command -v "$compiler" >/dev/null; then
    echo "skipped: there is no $compiler here"
    exit 77
fi

options=(-I "$root/include" -I "$root/src")
case $compiler in
    *++*) options+=(-std=c++11 -x c++) ;;
    *) options+=(-std=c11) ;;
esac
# shellcheck disable=SC2207 # a list of words
options+=($(said flags))
if [ "$expected" = accepted ]; then
    options+=(-Wall -Wextra -pedantic -Werror)
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {
    if [ -z "$(said parts)" ]; then
        "$compiler" "${options[@]}" -c -o "$work/program" "$program"
        return
    fi
    local part objects=()
    for part in $(seq "$(said parts)"); do
        "$compiler" "${options[@]}" -fPIC -DPART="$part" -c -o "$work/$part.o" "$program" || return
        objects+=("$work/$part.o")
    done
    "$compiler" -shared -o "$work/program" "${objects[@]}"
}

status=0
build >"$work/output" 2>&1 || status=$?
cat "$work/output"

if [ "$expected" = accepted ]; then
    [ $status -eq 0 ] && exit 0
    echo "$program is good, and was refused"
    exit 2
fi
if [ $status -eq 0 ]; then
    echo "$program is bad, and was accepted"
    exit 1
fi
grep -Eq -- "$expected" "$work/output" && exit 0
echo "$program was refused, but not with: $expected"
exit 2
