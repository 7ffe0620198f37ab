#!/bin/sh
# run.sh BUILD-TREE CC CXX
#
# Installs the build tree under a prefix of its own, moves it as a whole, and from there builds and
# runs foreign programs: one in C and in C++, by pkg-config and by CMake, shared and static; one
# whose static objects use the library after main; and one with a plugin whose tasks run in
# tarn-worker.
set -eu

build=$1 cc=$2 cxx=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() {
    echo "-- $*"
}

# Runs a program that was linked with a library of the installed tree.
run() {
    LD_LIBRARY_PATH=$libdir "$1"
}

cmake --install "$build" --prefix "$work/first" >"$work/installed"
mv "$work/first" "$work/tree"
pc=$(find "$work/tree" -name tarn.pc)
libdir=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH

cp "$here/foreign/foreign.c" "$work/foreign.c"
cp "$here/foreign/foreign.c" "$work/foreign.cc"
strict="-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror"

# shellcheck disable=SC2046,SC2086 # lists of flags
for source in foreign.c foreign.cc; do
    case $source in
        *.c) compiler="$cc -std=c11" ;;
        *.cc) compiler="$cxx -std=c++11" ;;
    esac
    step "pkg-config, shared: $source"
    $compiler $strict "$work/$source" -o "$work/shared" $(pkg-config --cflags --libs tarn)
    run "$work/shared"
    readelf -d "$work/shared" | grep -q 'NEEDED.*libtarn\.so\.0\]'

    step "pkg-config, static: $source"
    $compiler $strict -static -Wl,--fatal-warnings "$work/$source" -o "$work/static" \
        $(pkg-config --static --cflags --libs tarn)
    run "$work/static"
done

step "static objects"
# shellcheck disable=SC2046,SC2086
$cxx -std=c++11 $strict "$here/foreign/statics.cc" -o "$work/shared" \
    $(pkg-config --cflags --libs tarn)
run "$work/shared"
# shellcheck disable=SC2046,SC2086
$cxx -std=c++11 $strict "$here/foreign/statics.cc" -o "$work/partly" \
    $(pkg-config --cflags tarn) "$libdir/libtarn.a" -pthread
run "$work/partly"
# shellcheck disable=SC2046,SC2086
$cxx -std=c++11 $strict -static -Wl,--fatal-warnings "$here/foreign/statics.cc" -o "$work/static" \
    $(pkg-config --static --cflags --libs tarn)
run "$work/static"

step "tarn-worker"
worker=$(pkg-config --variable=worker_program tarn)
# It finds its library by itself, and says what it is.
if "$worker" 2>"$work/said"; then exit 1; fi
grep -q worker_program "$work/said"
# shellcheck disable=SC2046,SC2086
$cc -std=c11 $strict -shared -fPIC "$here/foreign/plugin.c" -o "$work/plugin.so" \
    $(pkg-config --cflags --libs tarn)
# shellcheck disable=SC2086
$cc -std=c11 $strict "$here/foreign/host.c" -o "$work/host" -ldl
LD_LIBRARY_PATH=$libdir "$work/host" "$work/plugin.so" "$worker"

step "CMake package"
cmake -S "$here/foreign" -B "$work/foreign" -DCMAKE_PREFIX_PATH="$work/tree" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" >"$work/configured"
cmake --build "$work/foreign" >"$work/built"
cmp "$(cat "$work/foreign/worker_program")" "$worker"
for program in foreign_c_tarn foreign_cc_tarn foreign_c_static foreign_cc_static; do
    step "$program"
    run "$work/foreign/$program"
done
