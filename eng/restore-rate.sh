#!/usr/bin/env bash
# Restores a plain dump of a pgbench database into the same server of ours, in turns by native psql and by pocketgres restore, and says what each took: of both, the time until the rows are there and
# analyzed (psql does not do that: vacuumdb --analyze-only follows), and the processor time of the program alone.
#
#   eng/restore-rate.sh [SCALE] [ROUNDS]      75 makes a dump of about 1 GB; 3 rounds
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/beside-native.sh"

scale="${1:-75}" rounds="${2:-3}"
mkdir -m 700 "$work/data"
start_ours ours "$work/data"
createdb source
quietly pgbench -i -q -s "$scale" source
pg_dump source >"$work/dump.sql"
dropdb source
say "a dump of $(($(stat -c %s "$work/dump.sql") >> 20)) MiB"

TIMEFORMAT='%R %U %S'
measure() { # WHO COMMAND...: seconds, and those of the processor
    createdb target
    { time "${@:2}" >"$work/out" 2>"$work/error"; } 2>"$work/time" || { cat "$work/error"; exit 1; }
    [[ "$(psql -XAtq target -c 'SELECT count(*) FROM pgbench_accounts')" == "$((scale * 100000))" ]] || fail "$1: rows are missing"
    dropdb target
    psql -XAtq postgres -c CHECKPOINT
    awk -v who="$1" '{ printf "%s %s %.1f\n", who, $1, $2 + $3 }' "$work/time" | tee -a "$work/times"
}
by_psql() { psql -Xq -v ON_ERROR_STOP=1 -f "$work/dump.sql" target && vacuumdb -q --analyze-only target; }
for ((round = 1; round <= rounds; round++)); do
    measure psql by_psql
    measure restore "${pocketgres[@]}" restore "$work/dump.sql" "postgres://postgres@/target?host=$PGHOST&port=5432"
done
median() { awk -v who="$1" '$1 == who { print $2 }' "$work/times" | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
awk -v p="$(median psql)" -v r="$(median restore)" 'BEGIN { printf "restore-rate: psql %.1f s, restore %.1f s (medians): %.2f of psql'"'"'s rate\n", p, r, p / r; exit !(p / r >= 0.7) }'
