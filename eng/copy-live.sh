#!/usr/bin/env bash
# Moves a database under pgbench's load from native PostgreSQL 18 to a server of ours, and from there to another native one, by copy --live --cut-over. No row is lost and none is there twice: every
# transaction of pgbench that was acknowledged is in the history, and the balances are the sums of the history. Nobody may be kept from writing for 5 seconds.
#
#   eng/copy-live.sh [SCALE]          pgbench's scale (5)
#   CLIENTS                           of pgbench (4)
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/beside-native.sh"

scale="${1:-5}" clients="${CLIENTS:-4}"
settings=(-c wal_level=logical -c fsync=off)
address() { echo "host=$PGHOST port=$1 user=postgres dbname=bench"; }
url() { echo "postgres://postgres@/bench?host=$PGHOST&port=$1"; }
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

make_native "$work/source" -E UTF8 --locale=C
make_native "$work/back" -E UTF8 --locale=C
PGPORT=6001 start_native source "$work/source" "${settings[@]}"
PGPORT=6001 createdb bench
quietly pgbench -i -q -s "$scale" "$(address 6001)"
value 6001 'ALTER TABLE pgbench_history ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY'
mkdir -m 700 "$work/ours"
PGPORT=6002 start_ours ours "$work/ours" -c max_slot_wal_keep_size=-1 --database bench
PGPORT=6003 start_native back "$work/back" "${settings[@]}"
PGPORT=6003 createdb bench
move "native to ours" 6001 6002
move "ours to native" 6002 6003
