#!/bin/sh
# format.sh [--check]
#
# Formats the C and C++ files, or with --check fails if one is not as clang-format would have it.
# Another clang-format gives another format, so its version is fixed.
set -eu
cd "$(dirname "$0")/.."

formatter=clang-format-14

# 01_squares.c is set as a page of a book, its comments in one column.
git ls-files -z '*.c' '*.h' '*.cc' '*.hpp' ':!examples/01_squares.c' |
    case ${1-} in
        --check) xargs -0 $formatter --dry-run --Werror ;;
        *) xargs -0 $formatter -i ;;
    esac
