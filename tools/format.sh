#!/bin/sh
# format.sh [--check]
#
# Formats the C and C++ files, or with --check fails if one is not as clang-format would have it.
# Another clang-format gives another format, so the version is fixed.
set -eu
cd "$(dirname "$0")/.."

formatter=clang-format-14
command -v $formatter >/dev/null 2>&1 || formatter=clang-format
if ! $formatter --version | grep -q 'version 14\.'; then
    echo "format.sh: needs clang-format 14, found: $($formatter --version)" >&2
    exit 1
fi

# squares.c is set as a page of a book, its comments in one column.
git ls-files -z '*.c' '*.h' '*.cc' '*.hpp' ':!examples/squares.c' |
    case ${1-} in
        --check) xargs -0 $formatter --dry-run --Werror ;;
        *) xargs -0 $formatter -i ;;
    esac
