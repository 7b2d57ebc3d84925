#!/usr/bin/env bash
# Compiles a PostgreSQL extension for this engine, from a folder with a Makefile for PGXS, a CMakeLists.txt or a meson.build: eng/extension.sh DIRECTORY [OUT]
# [ARGUMENTS...], ARGUMENTS for make, cmake or meson. OUT (default: artifacts/extensions/NAME, which makes it a part of this clone's builds) gets
# lib/postgresql/*.so and share/postgresql/extension. In place of DIRECTORY, the name of an extension in eng/engine/extensions has its archive fetched. A library that imports what the engine does not have is an error that names it. The engine's own build
# (eng/engine.sh) runs first if it is not there, unless PocketgresPostgres names its result; its variables count here too. `pocketgres extension build` runs this.
set -euo pipefail
say() { echo "extension: $*" >&2; }
die() { say "$*"; exit 1; }
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
port="$repository/eng/engine"
if [[ $# -ge 1 && "$1" != */* && ! -d "$1" ]] && hash="$(awk -v name="$1" '$1 == name { print $3 }' "$port/extensions")" && [[ "${hash:--}" != - ]]; then
    name="$1" base="${POCKETGRES_ENGINE_DIR:-$repository/artifacts/pg}" downloads="$repository/artifacts/download/sources"
    mkdir -p "$base" "$downloads" || die "cannot make the folder $base"
    failed() { die "$1 failed; all of it: $log"; }
    source "$port/fetch.sh"
    unpack "$name"
    source="$unpacked"
else
    [[ $# -ge 1 && -d "$1" ]] || die "usage: eng/extension.sh DIRECTORY [OUT] [ARGUMENTS...]; DIRECTORY has the extension's source"
    source="$(cd "$1" && pwd)"
    name="$(basename "$source")"
fi
own="$repository/artifacts/extensions"
out="${2:-$own/$name}"
shift; (($# == 0)) || shift
[[ -n "$(ls "$source"/{GNUmakefile,makefile,Makefile,CMakeLists.txt,meson.build} 2>/dev/null)" || " $* " == *" -C "* || " $* " == *" -f "* ]] \
    || die "$source has no Makefile, CMakeLists.txt or meson.build: give the folder that has one"

engine="${PocketgresPostgres:-$("$repository/eng/engine.sh")}" || exit 1
"$repository/eng/toolchain.sh" || exit 1
eval "$("$repository/eng/toolchain.sh" --print)"
PATH="$port:${TOOLCHAIN_BIN:+$TOOLCHAIN_BIN:}$PATH"
[[ -d "$engine" ]] || die "there is no folder $engine: PocketgresPostgres names it; unset it to have the engine compiled"
base="$(cd "$engine/.." && pwd -P)"
source "$port/paths.sh"
pocket_paths
export PATH LC_ALL=C POCKET_PREFIX=/pocketgres POCKET_SYSROOT="$base/build/sysroot" POCKET_SERVER="$base/build/postgresql/src/backend/postgres"
export POCKET_SDK="$base/build/sdk$POCKET_PREFIX" TOOLCHAIN_SYSTEM
[[ -d "$POCKET_SDK" && -f "$POCKET_SYSROOT/include/pocketgres.h" ]] \
    || die "the engine's build tree, which has the headers, is not in $base/build: remove $engine, unset PocketgresPostgres and PocketgresModules, and run again"
mkdir -p "$(dirname "$out")" "$base/build/log"
out="$(cd "$(dirname "$out")" && pwd -P)/$(basename "$out")"
log="$base/build/log/extension-$name"
work="$(mktemp -d "$base/build/extension.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir "$work/out"
"$port/extension.sh" "$name" "$source" "$work/$name" "$work/out" "$@" >"$log" 2>&1 \
    || { ! grep -q 'No space left' "$log" || die "the disk is full; free some space and run again"; die "$name failed: $(grep -m1 -E 'No space left|error:|\*\*\*|Error ' "$log" | cut -c1-300 || true) (all of it: $log)"; }
# Whole or not at all: what is interrupted leaves nothing that a build would take.
rm -rf "$out"
mv "$work/out" "$out"
if [[ "$(dirname "$out")" == "$own" ]]; then
    say "$name is in $out: the next build (./pocketgres, dotnet build) has it; without that folder, it has not"
else
    say "$name is in $out"
fi
echo "$out"
