#!/usr/bin/env bash
# Checks the check: refused.sh must tell a good program from a bad one, and one reason from another.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

program() { # LINE OF THE COMMENT..., then the program on stdin
    {
        echo '/* A program.'
        printf ' * %s\n' "$@"
        echo ' */'
        cat
    } >"$work/program.c"
}

ends() { # STATUS COMPILER WHAT
    local status=0
    "$here/refused.sh" "$2" "$work/program.c" >/dev/null 2>&1 || status=$?
    [ $status -eq "$1" ] && return
    echo "$3: refused.sh ended with $status, not with $1"
    failed=1
}

compiler=$1

program "$compiler: expected" <<<'extern int n;'
ends 1 "$compiler" 'a good program that should be refused'

program "$compiler: undeclared" <<<'int n = m;'
ends 0 "$compiler" 'a bad program, refused as expected'

program "$compiler: no such diagnostic" <<<'int n = m;'
ends 2 "$compiler" 'a bad program, refused for another reason'

program "$compiler: accepted" <<<'int n = m;'
ends 2 "$compiler" 'a bad program that should be accepted'

program "$compiler: accepted" <<<'static int n;' # unused
ends 2 "$compiler" 'a program with a warning that should be accepted'

program "$compiler: accepted" 'parts: 2' <<<'int n = PART;'
ends 2 "$compiler" 'two parts that do not fit'

program "another: accepted" <<<'extern int n;'
ends 3 "$compiler" 'a program that says nothing of this compiler'

program "no-such-compiler: accepted" <<<'extern int n;'
ends 77 no-such-compiler 'a compiler that is not there'

exit $failed
