#!/bin/sh
# dependencies.sh build|test|tree|instruments|musl|arm64|bench...
#
# Installs what these jobs need and the system lacks, by apt-get. Says and does nothing if all is there.
set -eu

missing=
cmocka_for=

# Wants a command, or a header or program by its path, and knows the package that brings it.
want() {
    case $1 in
        /*) [ -e "$1" ] ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac || missing="$missing $2"
}

# Wants cmocka for a compiler that Debian has no package of it for.
cmocka() {
    want xz xz-utils
    cmocka_for="$cmocka_for $1"
}

for job in "$@"; do
    case $job in
        build)
            want cc gcc
            want /usr/include/stdio.h libc6-dev
            want make make
            want cmake cmake
            ;;
        test)
            want c++ g++
            want clang clang
            want llvm-ar llvm
            want /usr/include/cmocka.h libcmocka-dev
            want /usr/include/sqlite3.h libsqlite3-dev
            want pkg-config pkg-config
            want python3 python3
            ;;
        tree)
            want clang-format-14 clang-format-14
            want python3 python3
            want shellcheck shellcheck
            ;;
        instruments)
            want valgrind valgrind
            ;;
        musl)
            want musl-gcc musl-tools
            want python3 python3
            cmocka musl-gcc
            ;;
        arm64)
            want aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
            want /usr/aarch64-linux-gnu/include/stdio.h libc6-dev-arm64-cross
            want qemu-aarch64 qemu-user
            want python3 python3
            cmocka aarch64-linux-gnu-gcc
            ;;
        bench)
            want c++ g++
            want pkg-config pkg-config
            want python3 python3
            want /usr/include/glib-2.0/glib.h libglib2.0-dev
            want /usr/include/oneapi/tbb.h libtbb-dev
            ;;
        *)
            echo "dependencies.sh: no such job: $job" >&2
            exit 2
            ;;
    esac
done

apt() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null
    else
        sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null
    fi
}

if [ -n "$missing" ]; then
    echo "installing:$missing"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "dependencies.sh: no apt-get here; please install the above by hand" >&2
        exit 1
    fi
    apt update
    # shellcheck disable=SC2086 # a list of words
    apt install -y --no-install-recommends $missing >/dev/null
fi

for compiler in $cmocka_for; do
    "$(dirname "$0")/cmocka.sh" "$compiler"
done
