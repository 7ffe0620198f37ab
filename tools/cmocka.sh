#!/bin/sh
# cmocka.sh COMPILER
#
# Builds cmocka for a C compiler for which Debian has no package of it, from Debian's source package:
# build/cmocka/COMPILER/libcmocka.a, and build/cmocka/include/cmocka.h for all compilers. Says and
# does nothing if they are there.
#
# apt fetches the source, and checks it as it checks packages. It has lists of its own for that: the
# system's stay as they are, and nobody need be root.
set -eu
cd "$(dirname "$0")/.."

compiler=$1
suite=bookworm
cmocka=$PWD/build/cmocka
library=$cmocka/$compiler/libcmocka.a

fetch() {
    # Where the system has its packages from, a mirror perhaps, there are sources as well.
    # shellcheck disable=SC2016 # a name of apt's
    mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $suite" 'Label: Debian' | head -n 1)

    mkdir -p "$cmocka/apt/lists/partial" "$cmocka/apt/archives/partial"
    cat >"$cmocka/apt/debian.sources" <<EOF
Types: deb-src
URIs: ${mirror:-http://deb.debian.org/debian}
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
    cat >"$cmocka/apt/apt.conf" <<EOF
Dir::Etc::SourceList "$cmocka/apt/debian.sources";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$cmocka/apt/lists";
Dir::Cache "$cmocka/apt";
# apt's own user may not be let into this folder.
APT::Sandbox::User "root";
EOF
    (
        cd "$cmocka/apt"
        export APT_CONFIG="$cmocka/apt/apt.conf"
        apt-get -qq update
        apt-get -qq source --download-only cmocka >/dev/null
    )
    mkdir -p "$cmocka/source"
    tar -xf "$cmocka"/apt/cmocka_*.orig.tar.xz -C "$cmocka/source" --strip-components=1
    rm -r "$cmocka/apt"
    mkdir -p "$cmocka/include"
    cp "$cmocka/source/include/cmocka.h" "$cmocka/include"
}

# What its own build finds out of any Linux.
build() {
    mkdir -p "$cmocka/$compiler"
    "$compiler" -std=gnu99 -g -O2 -c -o "$cmocka/$compiler/cmocka.o" \
        -DHAVE_CLOCK_REALTIME -DHAVE_GCC_THREAD_LOCAL_STORAGE -DHAVE_INTTYPES_H -DHAVE_MALLOC_H \
        -DHAVE_SIGLONGJMP -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_STRSIGNAL -DHAVE_STRUCT_TIMESPEC \
        -I"$cmocka/source/include" "$cmocka/source/src/cmocka.c"
    "$("$compiler" -print-prog-name=ar)" rcs "$library" "$cmocka/$compiler/cmocka.o"
}

[ ! -e "$library" ] || exit 0
echo "building cmocka with $compiler"
[ -e "$cmocka/include/cmocka.h" ] || fetch
build
