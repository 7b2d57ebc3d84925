#!/usr/bin/env bash
# Looks for races: builds an engine whose code lets time pass around atomic instructions, the releases of spinlocks and fences, and runs PostgreSQL's suites (eng/regress.sh) on it, with one
# seed after the other. The suites take turns, so that each minute meets as many seeds as possible.
#
#   eng/schedules.sh [MINUTES [SUITE...]]     default: 10, isolation regression
#   SEED                                      the first seed (default: 1)
#
# Prints a line for each seed with its suite and eng/regress.sh's count; exit code 1 if a test differed under any. What differs without this too (docs/testing.md) is in them.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
minutes="${1:-10}" seed="${SEED:-1}" result=0
suites=("${@:2}")
((${#suites[@]})) || suites=(isolation regression)
directory="$PWD/artifacts/schedules"
mkdir -p "$directory"
build() { dotnet build src/Pocketgres.Cli -c Release -v q -nologo -nodeReuse:false "$@" >"$directory/build.log" 2>&1 || { cat "$directory/build.log" >&2; exit 2; }; }
build -p:PocketgresFuzzSchedules=true -p:PocketgresProfile=false
rm -rf "$directory/bin"
cp -a src/Pocketgres.Cli/bin/Release/net10.0 "$directory/bin"
build # what is in its place again is the usual one
until ((SECONDS >= minutes * 60)); do
    suite="${suites[seed % ${#suites[@]}]}"
    echo "schedules: seed $seed: $suite"
    POCKETGRES_SCHEDULE_SEED="$seed" POCKETGRES_CLI="$directory/bin/pocketgres.dll" POCKETGRES_REGRESS_DIR="$directory/seed-$seed" eng/regress.sh "$suite" || result=1
    seed=$((seed + 1))
done
exit "$result"
