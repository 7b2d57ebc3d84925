#!/usr/bin/env bash
# Makes the packages: artifacts/packages/*.nupkg and *.snupkg.
#
#   eng/pack.sh                builds what is missing or changed first
#   eng/pack.sh -p:Version=1.2.3-beta.1
#
# Publishing them is one command, by whoever has the key: dotnet nuget push 'artifacts/packages/*.nupkg' (symbols go along).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rm -rf artifacts/packages
dotnet pack Pocketgres.slnx -c Release -v q -nologo "$@"
ls artifacts/packages
