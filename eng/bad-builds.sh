#!/usr/bin/env bash
# Shows what the engine's build says when something is wrong, and that the next run goes on: no network, an archive of another content, a compiler that is
# missing or too old, a disk that is full at the start and one that fills up during the build, a build that is killed three times, then made as for a first start, then
# completed. In copies of eng/, in a temporary folder; the results of the interrupted build must be this clone's, byte for byte. Each message must be one line.
#
#   eng/bad-builds.sh           all but the last two: half a minute
#   eng/bad-builds.sh --all     all: a whole build, some 10 minutes of processor time; the disk needs the right to mount
set -uo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
here="${PocketgresPostgres:-$("$repository/eng/engine.sh")}" || exit 1
compiler="$("$repository/eng/toolchain.sh" --print)" || exit 1
eval "$compiler"
toolchain="$(dirname "$TOOLCHAIN_BIN")"
sources="${POCKETGRES_SOURCES:-$repository/artifacts/download/sources}"
work="$(mktemp -d)"
unset PocketgresPostgres POCKETGRES_SOURCES POCKETGRES_TOOLCHAIN
running=
cleanup() {
    [[ -z "$running" ]] || kill -KILL -- "-$running" 2>/dev/null
    ! mountpoint -q "$work/small" || umount -l "$work/small"
    rm -rf "$work"
}
trap cleanup EXIT
failures=0
folder() { rm -rf "$work/$1"; mkdir -p "$work/$1"; cp -a "$repository/eng" "$work/$1/"; }
expect() { # what, file with what was said, exit code, text: one line that contains it
    local said; said="$(grep -vE '^(engine|toolchain): (fetching|installing|building|going on|.*: [0-9]+ s, )' "$2")"
    if [[ "$3" != 0 && "$said" == *"$4"* && "$(wc -l <<<"$said")" == 1 ]]; then echo "ok: $1: $said"
    else echo "NOT OK: $1 (exit code $3): $said"; failures=$((failures + 1))
    fi
}
try() { # what, text, environment..., command...
    local what="$1" text="$2"; shift 2
    env "$@" >"$work/out" 2>"$work/said"
    expect "$what" "$work/said" $? "$text"
}

folder plain
engine="$work/plain/eng/engine.sh"
no_network=(http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9)
try "no network, no source" "cannot fetch" "${no_network[@]}" "POCKETGRES_TOOLCHAIN_DIR=$toolchain" "$engine"
try "no network, no compiler" "no network?" "${no_network[@]}" "POCKETGRES_TOOLCHAIN_DIR=$work/none" "$engine"
mkdir "$work/wrong"
cp "$sources"/postgresql-18_*.tar.bz2 "$work/wrong/"
for file in "$work/wrong"/*; do printf x >>"$file"; done
try "wrong hash" "has not the SHA-256" "POCKETGRES_SOURCES=$work/wrong" "POCKETGRES_TOOLCHAIN_DIR=$toolchain" "$engine"
mkdir "$work/bin"
for tool in bash dirname nproc mkdir flock cat sha256sum cut sort find sed grep awk readlink; do ln -s "$(command -v $tool)" "$work/bin/$tool"; done
try "compiler missing" "is not on the PATH" POCKETGRES_TOOLCHAIN=path "PATH=$work/bin" "$engine"
for tool in clang++ wasm-ld llvm-ar llvm-ranlib llvm-nm llvm-profdata make bison flex perl bzip2 zic; do ln -s /bin/true "$work/bin/$tool"; done
printf '#!/bin/sh\necho 14.0.6\n' >"$work/bin/clang"
chmod +x "$work/bin/clang"
try "compiler too old" "needed is 19 or newer" POCKETGRES_TOOLCHAIN=path "PATH=$work/bin" "$engine"
mkdir "$work/small"
mounts=; ! mount -t tmpfs -o size=64m tmpfs "$work/small" 2>/dev/null || mounts=1
if [[ -n "$mounts" ]]; then
    try "disk too small" "MB free in" "POCKETGRES_SOURCES=$sources" "POCKETGRES_TOOLCHAIN_DIR=$toolchain" "POCKETGRES_ENGINE_DIR=$work/small" "$engine"
    try "disk too small for the compiler" "MB free in" "POCKETGRES_TOOLCHAIN_DIR=$work/small" "$work/plain/eng/toolchain.sh"
else echo "skipped: full disks, which need the right to mount"
fi

if [[ "${1:-}" == --all ]]; then
    start() { setsid env "POCKETGRES_SOURCES=$sources" "POCKETGRES_TOOLCHAIN_DIR=$toolchain" "POCKETGRES_ENGINE_DIR=$1" "$engine" "${@:2}" >"$work/out" 2>"$work/said" & running=$!; }
    until_there() { while kill -0 "$running" 2>/dev/null && [[ "$(find "$1" -name "$2" 2>/dev/null | wc -l)" -lt "$3" ]]; do read -rt 0.2 <> <(:) || true; done; }
    if [[ -n "$mounts" ]]; then
        mount -o remount,size=2400m "$work/small"
        start "$work/small"
        until_there "$work/small/build/sysroot" '*.o' 300
        dd if=/dev/zero of="$work/small/filler" bs=1M status=none 2>/dev/null
        wait "$running"
        expect "disk full during the build" "$work/said" $? "the disk is full"
        rm "$work/small/filler"
        start "$work/small"
        until_there "$work/small/build/sysroot" 'libc.a' 1
        if kill -0 "$running"; then echo "ok: with room again the next run goes on"; else echo "NOT OK: with room again: $(cat "$work/said")"; failures=$((failures + 1)); fi
        kill -KILL -- "-$running"; wait "$running" 2>/dev/null
        umount "$work/small"
    fi
    mkdir "$work/killed"
    # In the C library, among the libraries, in the server; one and the same tree for a first start's build and the whole
    for point in "sysroot *.o 200" "sysroot *.cpp.o 60 --first" "postgresql/src/backend *.o 300"; do
        read -r place pattern count option <<<"$point"
        start "$work/killed" ${option:+"$option"}
        until_there "$work/killed/build/$place" "$pattern" "$count"
        kill -KILL -- "-$running"; wait "$running" 2>/dev/null
        echo "killed at $(find "$work/killed/build" -name '*.o' | wc -l) files"
    done
    start "$work/killed" --first
    wait "$running" || { echo "NOT OK: after it was killed: $(cat "$work/said")"; failures=$((failures + 1)); }
    first="$(cat "$work/out")"
    if [[ -f "$first/.first" ]] && (cd "$first" && find . -type f ! -name .first -exec cmp {} "$here/{}" ';' 2>&1 | wc -l) | grep -qx 0; then
        echo "ok: killed three times, the $(find "$first" -type f ! -name .first | wc -l) files for a first start are the same"
    else echo "NOT OK: the files for a first start differ, or are not there"; failures=$((failures + 1))
    fi
    start "$work/killed"
    wait "$running" || { echo "NOT OK: after a first start's build: $(cat "$work/said")"; failures=$((failures + 1)); }
    list() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
    if diff <(list "$here") <(list "$(cat "$work/out")"); then echo "ok: completed, the result is the same $(list "$here" | wc -l) files"
    else echo "NOT OK: the result of the interrupted build differs"; failures=$((failures + 1))
    fi
fi
running=
echo "$failures not ok"
((failures == 0))
