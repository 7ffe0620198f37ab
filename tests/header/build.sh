#!/usr/bin/env bash
# build.sh COMPILER STANDARD LIBRARY...
#
# Builds every shape of task and the squares program with one compiler and one standard, without a
# warning, with and without optimisation, and runs them. CFLAGS holds what finds cmocka's header.
# Exits with 77, which means "skipped", if the compiler or the standard is not there.
set -euo pipefail

compiler=$1 standard=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..

warnings=(-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror)
picky=()
case $compiler in
    *++*)
        language=c++
        c_compiler=${compiler/clang++/clang}
        c_compiler=${c_compiler/g++/gcc}
        picky=(-Wold-style-cast -Wzero-as-null-pointer-constant -Wsign-conversion)
        case $compiler in g++*) picky+=(-Wuseless-cast) ;; esac
        ;;
    *)
        language=c
        c_compiler=$compiler
        warnings+=(-Wstrict-prototypes -Wdouble-promotion -Wcast-qual)
        ;;
esac

if ! command -v "$compiler" >/dev/null; then
    echo "skipped: there is no $compiler here"
    exit 77
fi
if ! "$compiler" -x $language -std="$standard" -fsyntax-only /dev/null 2>/dev/null; then
    echo "skipped: $compiler does not know $standard"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck disable=SC2086 # CFLAGS is a list
compile() { # COMPILER OUTPUT SOURCE OPTION...
    "$1" "${@:4}" -I "$root/include" -I "$root/tests/support" ${CFLAGS-} "${warnings[@]}" \
        -c -o "$2" "$3"
}

# Each public header stands on its own, may be included twice, and needs no feature macro.
for header in tarn.h tarn_backend.h; do
    [ -e "$root/include/$header" ] || continue
    printf '#include <%s>\n' $header $header >"$work/alone.c"
    compile "$compiler" /dev/null "$work/alone.c" -x $language -std="$standard"
done

compile "$compiler" "$work/squares.o" "$root/examples/01_squares.c" -x $language -std="$standard" -O2
"$compiler" -o "$work/squares" "$work/squares.o" "$@" -pthread
"$work/squares" >"$work/squares.out" & # it sleeps for two seconds
squares=$!

# C++ programs get this one from a C compiler: a task may be shared by two languages.
compile "$c_compiler" "$work/shared.o" "$here/shared.c" -O2

for level in -O0 -O2; do
    objects=("$work/shared.o")
    for shapes in shapes shapes_many; do
        objects+=("$work/$shapes.o")
        compile "$compiler" "$work/$shapes.o" "$here/$shapes.c" -x $language -std="$standard" $level
    done
    if [ $language = c++ ]; then
        objects+=("$work/shapes_cpp.o")
        compile "$compiler" "$work/shapes_cpp.o" "$here/shapes_cpp.cc" -std="$standard" $level \
            "${picky[@]}"
    fi
    "$compiler" -o "$work/shapes" "${objects[@]}" "$@" -pthread
    "$work/shapes"
done

wait $squares
printf 'Square of %d is %d\n' 1 1 2 4 3 9 4 16 5 25 | diff - <(sort "$work/squares.out")
