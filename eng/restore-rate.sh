#!/usr/bin/env bash
# Restores a plain dump of a pgbench database into the same server of ours, in turns by native psql and by pocketgres restore, and says what each took: of both, the time until the rows are there and
# analyzed (psql does not do that: vacuumdb --analyze-only follows), and the processor time of the program alone.
#
#   eng/restore-rate.sh [SCALE] [ROUNDS]      75 makes a dump of about 1 GB; 3 rounds
#   POCKETGRES                                the command (default: the build of this clone)
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
native="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}/bin"
read -ra pocketgres <<<"${POCKETGRES:-dotnet exec $repository/src/Pocketgres.Cli/bin/Release/net10.0/pocketgres.dll}"
scale="${1:-75}" rounds="${2:-3}"
work="$(mktemp -d)"
server=
[[ -x "$native/psql" ]] || { echo "restore-rate: no native PostgreSQL in $native: run eng/pg18.sh" >&2; exit 1; }
cleanup() { [[ -z "$server" ]] || { kill -INT "$server"; wait "$server"; } || true; rm -rf "$work"; }
trap cleanup EXIT
export POCKETGRES_ALLOW_ROOT=1 PGHOST="$work/socket" PGPORT=5432 PGUSER=postgres
unset PGSERVICE PGHOSTADDR PGPASSWORD DATABASE_URL PGDATABASE
mkdir "$PGHOST"

"${pocketgres[@]}" serve "file:$work/data" --no-tcp --unix-socket-dir "$PGHOST" >"$work/log" 2>&1 &
server=$!
until "$native/pg_isready" -q; do kill -0 "$server" 2>/dev/null || { cat "$work/log"; exit 1; }; sleep 0.1; done
"$native/createdb" source
"$native/pgbench" -i -q -s "$scale" source 2>"$work/log"
"$native/pg_dump" source >"$work/dump.sql"
"$native/dropdb" source
echo "restore-rate: a dump of $(($(stat -c %s "$work/dump.sql") >> 20)) MiB"

TIMEFORMAT='%R %U %S'
measure() { # WHO COMMAND...: seconds, and those of the processor
    "$native/createdb" target
    { time "${@:2}" >"$work/out" 2>"$work/error"; } 2>"$work/time" || { cat "$work/error"; exit 1; }
    [[ "$("$native/psql" -XAtq target -c 'SELECT count(*) FROM pgbench_accounts')" == "$((scale * 100000))" ]] || { echo "restore-rate: $1: rows are missing"; exit 1; }
    "$native/dropdb" target
    "$native/psql" -XAtq postgres -c CHECKPOINT
    awk -v who="$1" '{ printf "%s %s %.1f\n", who, $1, $2 + $3 }' "$work/time" | tee -a "$work/times"
}
by_psql() { "$native/psql" -Xq -v ON_ERROR_STOP=1 -f "$work/dump.sql" target && "$native/vacuumdb" -q --analyze-only target; }
for ((round = 1; round <= rounds; round++)); do
    measure psql by_psql
    measure restore "${pocketgres[@]}" restore "$work/dump.sql" "postgres://postgres@/target?host=$PGHOST&port=5432"
done
median() { awk -v who="$1" '$1 == who { print $2 }' "$work/times" | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
awk -v p="$(median psql)" -v r="$(median restore)" 'BEGIN { printf "restore-rate: psql %.1f s, restore %.1f s (medians): %.2f of psql'"'"'s rate\n", p, r, p / r; exit !(p / r >= 0.7) }'
