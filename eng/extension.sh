#!/usr/bin/env bash
# Compiles a PostgreSQL extension that follows PGXS' conventions for this engine: eng/extension.sh DIRECTORY [OUT] [MAKE'S ARGUMENTS...]. OUT
# (default: artifacts/pg/extensions/NAME) gets lib/postgresql/*.so and share/postgresql/extension. A library that imports what the engine does
# not have is an error that names it. The engine's own build (eng/engine.sh) runs first if it is not there; its variables count here too.
set -euo pipefail
say() { echo "extension: $*" >&2; }
die() { say "$*"; exit 1; }
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
[[ $# -ge 1 && -d "$1" ]] || die "usage: eng/extension.sh DIRECTORY [OUT] [MAKE'S ARGUMENTS...]; DIRECTORY has the extension's source with its Makefile"
source="$(cd "$1" && pwd)"
base="${POCKETGRES_ENGINE_DIR:-$repository/artifacts/pg}"
name="$(basename "$source")"
out="${2:-$base/extensions/$name}"
shift; (($# == 0)) || shift
ls "$source"/{GNUmakefile,makefile,Makefile} >/dev/null 2>&1 || [[ " $* " == *" -C "* || " $* " == *" -f "* ]] || die "$source has no Makefile"

"$repository/eng/engine.sh" >/dev/null || exit 1
eval "$("$repository/eng/toolchain.sh" --print)"
[[ -z "$TOOLCHAIN_BIN" ]] || PATH="$TOOLCHAIN_BIN:$PATH"
base="$(cd "$base" && pwd -P)"
export PATH LC_ALL=C POCKET_PREFIX=/pocketgres POCKET_SYSROOT="$base/build/sysroot" POCKET_SERVER="$base/build/postgresql/src/backend/postgres"
export POCKET_SDK="$base/build/sdk$POCKET_PREFIX"
[[ -d "$POCKET_SDK" ]] || die "the engine's build tree is gone ($base/build): remove the folders of $base and run again"
mkdir -p "$out" "$base/build/log"
out="$(cd "$out" && pwd -P)"
log="$base/build/log/extension-$name"
work="$(mktemp -d "$base/build/extension.XXXXXX")"
trap 'rm -rf "$work"' EXIT
"$repository/eng/engine/extension.sh" "$name" "$source" "$work/$name" "$out" "$@" >"$log" 2>&1 \
    || die "$name failed: $(grep -m1 -E 'No space left|error:|\*\*\*|Error ' "$log" | cut -c1-300 || true) (all of it: $log)"
say "$name is in $out"
echo "$out"
