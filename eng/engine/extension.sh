#!/bin/bash
# Compiles one extension that follows PGXS' conventions. extension.sh NAME SOURCE WORK OUT MAKE'S ARGUMENTS...: SOURCE is copied to WORK, changed
# as NAME.sed says if there is one, and compiled there; OUT gets lib/postgresql and share/postgresql. POCKET_SDK, POCKET_PREFIX, POCKET_SERVER,
# POCKET_SYSROOT and the toolchain are the caller's. A library that imports what neither the server nor the kernel has is an error.
set -euo pipefail
name="$1" source="$2" work="$3" out="$4"; shift 4
port="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
rm -rf "$work"
mkdir -p "$work"
cp -r "$source/." "$work/"
[[ ! -f "$port/$name.sed" ]] || find "$work" -name '*.c' -exec sed -i -f "$port/$name.sed" {} +
export PG_CONFIG="$port/pg_config" USE_PGXS=1
cd "$work"
make "PG_CONFIG=$PG_CONFIG" with_llvm=no OPTFLAGS= "$@"
make "PG_CONFIG=$PG_CONFIG" with_llvm=no OPTFLAGS= "DESTDIR=$work/.root" "$@" install
for module in "$work/.root$POCKET_PREFIX"/lib/postgresql/*.so; do
    [[ -f "$module" ]] || continue
    llvm-strip -g "$module"
    missing="$(perl "$port/imports.pl" "$POCKET_SERVER" "$module" | paste -sd' ')"
    [[ -z "$missing" ]] || { echo "error: ${module##*/} needs what the engine does not have: $missing" >&2; exit 1; }
done
mkdir -p "$out"
for directory in lib/postgresql share/postgresql; do
    [[ ! -d "$work/.root$POCKET_PREFIX/$directory" ]] || { mkdir -p "$out/$directory"; cp -r "$work/.root$POCKET_PREFIX/$directory/." "$out/$directory/"; }
done
