#!/usr/bin/env bash
# Moves a database under pgbench's load from native PostgreSQL 18 to a server of ours, and from there to another native one, by copy --live --cut-over. No row is lost and none is there twice: every
# transaction of pgbench that was acknowledged is in the history, and the balances are the sums of the history. Nobody may be kept from writing for 5 seconds.
#
#   eng/copy-live.sh [SCALE]          pgbench's scale (5)
#   POCKETGRES                        the command (default: the build of this clone)
#   CLIENTS                           of pgbench (4)
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
native="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}/bin"
read -ra pocketgres <<<"${POCKETGRES:-dotnet exec $repository/src/Pocketgres.Cli/bin/Release/net10.0/pocketgres.dll}"
scale="${1:-5}" clients="${CLIENTS:-4}"
work="$(mktemp -d)"
servers=()
[[ -x "$native/postgres" ]] || { echo "copy-live: no native PostgreSQL in $native: run eng/pg18.sh" >&2; exit 1; }
cleanup() { for server in "${servers[@]}"; do kill -INT "$server" 2>/dev/null || true; done; wait; rm -rf "$work"; }
trap cleanup EXIT
fail() { echo "copy-live: $*"; exit 1; }
export POCKETGRES_ALLOW_ROOT=1 PATH="$native:$PATH"
unset "${!PG@}" DATABASE_URL
mkdir -m 777 "$work/socket"
chmod a+rx "$work"
as=()
if [[ "$(id -u)" == 0 ]]; then as=(setpriv --reuid=nobody --regid=nogroup --clear-groups); fi # native PostgreSQL refuses root

address() { echo "host=$work/socket port=$1 user=postgres dbname=bench"; }
url() { echo "postgres://postgres@/bench?host=$work/socket&port=$1"; }
start() { # NAME PORT COMMAND...
    (cd / && exec "${@:3}") >"$work/$1.log" 2>&1 &
    servers+=($!)
    until pg_isready -q -h "$work/socket" -p "$2"; do kill -0 $! 2>/dev/null || { cat "$work/$1.log"; fail "$1 ended"; }; sleep 0.1; done
}
start_native() { # NAME PORT
    install -d ${as:+-o nobody} -m 700 "$work/$1"
    (cd / && "${as[@]}" initdb -D "$work/$1" -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions >"$work/log")
    start "$1" "$2" "${as[@]}" "$native/postgres" -D "$work/$1" -c listen_addresses= -c unix_socket_directories="$work/socket" -c port="$2" -c wal_level=logical -c fsync=off
}
value() { psql -XAtq "$(address "$1")" -c "$2"; }

# Until its connections are ended; says how many transactions were acknowledged.
load() { # PORT
    pgbench -n -c "$clients" -j 2 -T 600 "$(address "$1")" >"$work/load" 2>"$work/load.error" || true
}
move() { # WHAT FROM TO
    local before now acknowledged lost
    before="$(value "$2" 'SELECT count(*) FROM pgbench_history')"
    load "$2" &
    local running=$!
    while (($(value "$2" 'SELECT count(*) FROM pgbench_history') == before)); do sleep 0.1; done
    "${pocketgres[@]}" copy --live --cut-over "$(url "$2")" "$(url "$3")" --replace --source-url "$(address "$2")" >"$work/out" 2>"$work/error" || { cat "$work/out" "$work/error"; fail "$1: not copied"; }
    wait "$running"
    acknowledged="$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$work/load")"
    now="$(value "$3" 'SELECT count(*) FROM pgbench_history')"
    [[ "$(value "$3" 'SELECT count(DISTINCT id) FROM pgbench_history')" == "$now" ]] || fail "$1: rows are there twice"
    # A client whose connection was ended may have committed without hearing of it.
    lost=$((before + acknowledged - now))
    ((lost <= 0 && lost >= -clients)) || fail "$1: $acknowledged transactions were acknowledged after $before, $now are there"
    for table in accounts branches tellers; do
        [[ "$(value "$3" "SELECT (SELECT sum(${table:0:1}balance) FROM pgbench_$table) = (SELECT sum(delta) FROM pgbench_history)")" == t ]] || fail "$1: the balances of $table are not the sum of the history"
    done
    [[ "$(psql -XAtq "$(address "$2")" -c "INSERT INTO pgbench_history (tid) VALUES (1)" 2>&1)" == *read-only* ]] || fail "$1: the source may be written"
    local seconds; seconds="$(sed -n 's/.*nobody could write for \([0-9.]*\) s.*/\1/p' "$work/out")"
    awk -v s="$seconds" 'BEGIN { exit !(s < 5) }' || fail "$1: nobody could write for $seconds s"
    echo "copy-live: $1: $acknowledged transactions meanwhile, none lost, none twice, $(tail -n 1 "$work/out"); nobody could write for $seconds s"
}

start_native source 6001
psql -XAtq "$(address 6001) dbname=postgres" -c 'CREATE DATABASE bench'
pgbench -i -q -s "$scale" "$(address 6001)" 2>"$work/log"
psql -XAtq "$(address 6001)" -c 'ALTER TABLE pgbench_history ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY'
start ours 6002 "${pocketgres[@]}" serve "file:$work/ours" --no-tcp --port 6002 --unix-socket-dir "$work/socket" -c unix_socket_permissions=0777 -c max_slot_wal_keep_size=-1 --database bench
start_native back 6003
psql -XAtq "$(address 6003) dbname=postgres" -c 'CREATE DATABASE bench'
move "native to ours" 6001 6002
move "ours to native" 6002 6003
