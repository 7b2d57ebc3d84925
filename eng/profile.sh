#!/usr/bin/env bash
# Makes eng/engine/profile anew: how often each branch of the server is taken in Pocketgres.Training's workload. A server that counts is compiled and translated,
# runs the workload in a directory of its own, and its processes write what they counted when they end (eng/engine/profile.c). The result is an input of
# eng/engine.sh like a source, so that equal inputs stay equal bytes. Worth it after a change of the workload or a new major release; needs Python 3.
#
#   eng/profile.sh              ten minutes
#   POCKETGRES_COUNTING_DIR     where the counting engine is built (default: artifacts/counting)
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export POCKETGRES_ENGINE_DIR="${POCKETGRES_COUNTING_DIR:-$repository/artifacts/counting}" POCKETGRES_ALLOW_ROOT=1
folder="$("$repository/eng/engine.sh" --count)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
(cd "$repository" && PocketgresPostgres="$folder" dotnet build src/Pocketgres.Postgres -c Release -v q -nologo -p:PocketgresFirst=true -p:RunAnalyzers=false >&2)
engine="$(<"$repository/src/Pocketgres.Postgres/obj/Release/net10.0/pocketgres-engine.path")"
dotnet exec "$repository/src/Pocketgres.Training/bin/Release/net10.0/Pocketgres.Training.dll" "$engine" "$work/data"
python3 "$repository/eng/profile.py" "$work/data" >"$work/profile"
mv "$work/profile" "$repository/eng/engine/profile"
rm -rf "$engine"
wc -lc "$repository/eng/engine/profile" >&2
