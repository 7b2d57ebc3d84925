#!/usr/bin/env bash
# Looks for races: builds an engine whose code lets time pass around atomic instructions, the releases of spinlocks and fences, and runs PostgreSQL's suites (eng/regress.sh) on it, with one
# seed after the other. A seed runs a part of the isolation tests, every twelfth one all regression tests instead, so that each minute meets as many seeds as possible.
#
#   eng/schedules.sh [MINUTES]    default: 10
#   SEED                          the first seed (default: 1)
#   SEEDS                         so many seeds, and MINUTES at most
#   PARTS                         into how many parts the isolation tests are divided (default: 3)
#
# Prints the lines of eng/regress.sh under each seed; exit code 1 if a test differed under any. What differs without this too (docs/testing.md) is in them.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
minutes="${1:-10}" seed="${SEED:-1}" result=0
last=$((seed + ${SEEDS:-1000000})) parts="${PARTS:-3}"
directory="$PWD/artifacts/schedules"
source eng/variant.sh
variant "$directory" -p:PocketgresFuzzSchedules=true -p:PocketgresProfile=false
engine="${PocketgresPostgres:-$(eng/engine.sh)}" || exit 2
mapfile -t isolation < <(sed -n 's/^test: //p' "$engine"/../src/postgresql-*/src/test/isolation/isolation_schedule)
((${#isolation[@]})) || { echo "schedules: no isolation tests beside $engine" >&2; exit 2; }
until ((SECONDS >= minutes * 60 || seed == last)); do
    suite=isolation tests=
    if ((seed % 12 == 0)); then suite=regression
    else for ((i = seed % parts; i < ${#isolation[@]}; i += parts)); do tests+="${isolation[i]} "; done; fi
    echo "schedules: seed $seed: $suite${tests:+, part $((seed % parts + 1)) of $parts}"
    TESTS="$tests" POCKETGRES_SCHEDULE_SEED="$seed" POCKETGRES_CLI="$directory/bin/pocketgres.dll" POCKETGRES_REGRESS_DIR="$directory/seed-$seed" eng/regress.sh "$suite" || result=1
    seed=$((seed + 1))
done
exit "$result"
