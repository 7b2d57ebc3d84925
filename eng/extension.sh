#!/usr/bin/env bash
# Compiles a PostgreSQL extension that follows PGXS' conventions for this engine: eng/extension.sh DIRECTORY [OUT] [MAKE'S ARGUMENTS...]. OUT
# (default: artifacts/extensions/NAME, which makes it a part of this clone's builds) gets lib/postgresql/*.so and share/postgresql/extension. A
# library that imports what the engine does not have is an error that names it. The engine's own build (eng/engine.sh) runs first if it is not
# there; its variables count here too.
set -euo pipefail
say() { echo "extension: $*" >&2; }
die() { say "$*"; exit 1; }
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
[[ $# -ge 1 && -d "$1" ]] || die "usage: eng/extension.sh DIRECTORY [OUT] [MAKE'S ARGUMENTS...]; DIRECTORY has the extension's source with its Makefile"
source="$(cd "$1" && pwd)"
base="${POCKETGRES_ENGINE_DIR:-$repository/artifacts/pg}"
name="$(basename "$source")"
own="$repository/artifacts/extensions"
out="${2:-$own/$name}"
shift; (($# == 0)) || shift
[[ -n "$(ls "$source"/{GNUmakefile,makefile,Makefile} 2>/dev/null)" ]] || [[ " $* " == *" -C "* || " $* " == *" -f "* ]] || die "$source has no Makefile"

"$repository/eng/engine.sh" >/dev/null || exit 1
eval "$("$repository/eng/toolchain.sh" --print)"
[[ -z "$TOOLCHAIN_BIN" ]] || PATH="$TOOLCHAIN_BIN:$PATH"
base="$(cd "$base" && pwd -P)"
export PATH LC_ALL=C POCKET_PREFIX=/pocketgres POCKET_SYSROOT="$base/build/sysroot" POCKET_SERVER="$base/build/postgresql/src/backend/postgres"
export POCKET_SDK="$base/build/sdk$POCKET_PREFIX"
[[ -d "$POCKET_SDK" ]] || die "the engine's build tree is gone ($base/build): remove the folders of $base and run again"
mkdir -p "$(dirname "$out")" "$base/build/log"
out="$(cd "$(dirname "$out")" && pwd -P)/$(basename "$out")"
log="$base/build/log/extension-$name"
work="$(mktemp -d "$base/build/extension.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir "$work/out"
"$repository/eng/engine/extension.sh" "$name" "$source" "$work/$name" "$work/out" "$@" >"$log" 2>&1 \
    || die "$name failed: $(grep -m1 -E 'No space left|error:|\*\*\*|Error ' "$log" | cut -c1-300 || true) (all of it: $log)"
# Whole or not at all: what is interrupted leaves nothing that a build would take.
rm -rf "$out"
mv "$work/out" "$out"
if [[ "$(dirname "$out")" == "$own" ]]; then
    say "$name is in $out: the next build (./pocketgres, dotnet build) has it; without that folder, it has not"
else
    say "$name is in $out"
fi
echo "$out"
