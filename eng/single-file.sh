#!/usr/bin/env bash
# Makes one executable with the .NET runtime and the engine in it: DIRECTORY/pocketgres (default artifacts/single-file), for this kind of machine.
# It needs nothing installed. The first start unpacks it to ~/.net/pocketgres (DOTNET_BUNDLE_EXTRACT_BASE_DIR names another place).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
output="${1:-artifacts/single-file}"
rm -rf "$output"
dotnet publish src/Pocketgres.Cli -c Release -p:PocketgresSingleFile=true -o "$output" -v q -nologo
ls -lh "$output/pocketgres"
