#!/usr/bin/env bash
# Builds the engine once more in another folder, from the same sources with the same compiler, and compares all files with those of this clone: equal
# inputs must be equal bytes. Takes a whole build, some 10 minutes of processor time.
#
#   eng/same-bytes.sh [DIR]     DIR (default: a temporary folder, which is removed) is where the other build is made, and is kept
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
say() { echo "same-bytes: $*" >&2; }
here="${PocketgresPostgres:-$("$repository/eng/engine.sh")}" || exit 1
if (($#)); then other="$1"; mkdir -p "$other"; else other="$(mktemp -d)"; trap 'rm -rf "$other"' EXIT; fi
other="$(cd "$other" && pwd)"
rm -rf "$other/elsewhere/eng"
mkdir -p "$other/elsewhere"
cp -a "$repository/eng" "$other/elsewhere/"
# The toolchain's folder is part of what must not matter; the archives are the same by their hashes.
export POCKETGRES_SOURCES="${POCKETGRES_SOURCES:-$repository/artifacts/download/sources}"
there="$("$other/elsewhere/eng/engine.sh")" || exit 1
list() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
if ! diff <(list "$here") <(list "$there"); then say "$here and $there differ"; exit 1; fi
say "$(list "$here" | wc -l) files of $here and $there are the same, $(find "$here" -type f -exec head -qc4 {} + | tr -d '\0' | grep -oa asm | wc -l) of them modules"
