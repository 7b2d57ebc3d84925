#!/usr/bin/env bash
# Takes over a native server that runs under pgbench's load in the two ways that need its files: a backup of pg_basebackup, imported; and a standby here, which is promoted when the primary was stopped.
# Of both: no acknowledged transaction is lost, the balances are the sums of the history, pg_amcheck finds nothing. Says for how long nobody could write.
#
#   eng/switch-over.sh [SCALE]        pgbench's scale (5)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/beside-native.sh"

scale="${1:-5}"
value() { psql -XAtq -d bench -c "$1"; }
load() { pgbench -n -c 4 -T 600 bench >"$work/load" 2>"$work/load.error" || true; }
written() { until (($(value 'SELECT count(*) FROM pgbench_history') > ${1:-0})); do sleep 0.1; done; }
check() { # WHAT
    for table in accounts branches tellers; do
        [[ "$(value "SELECT (SELECT sum(${table:0:1}balance) FROM pgbench_$table) = (SELECT sum(delta) FROM pgbench_history)")" == t ]] || fail "$1: the balances of $table are not the sum of the history"
    done
    pg_amcheck --all --install-missing --heapallindexed --parent-check || fail "$1: pg_amcheck found something"
    quietly pgbench -n -c 4 -t 100 bench
}

make_native "$work/native" -E UTF8 --locale=C
start_native native "$work/native"
createdb bench
quietly pgbench -i -q -s "$scale" bench
load &
running=$!
written
quietly pg_basebackup -D "$work/backup" -X stream -c fast
at="$(value 'SELECT count(*) FROM pgbench_history')" # more than the backup has, or as many
quietly pg_basebackup -D "$work/standby" -X stream -c fast -R -C -S here
quietly "${pocketgres[@]}" import-pgdata "$work/backup" "$work/imported"
PGPORT=5433 start_ours imported "$work/imported"
PGPORT=5433 check backup
(($(PGPORT=5433 value 'SELECT count(*) FROM pgbench_history') <= at + 400)) || fail "backup: it has more than the source had"
PGPORT=5433 stop imported clean
say "backup: served, the balances are the sums of the history"

PGPORT=5433 start_ours standby "$work/standby"
PGPORT=5433 written "$at"
[[ "$(PGPORT=5433 value 'SELECT pg_is_in_recovery()')" == t ]] || fail "standby: it is none"
stopped=$EPOCHREALTIME
stop native clean # waits until the standby has everything
wait "$running"
acknowledged="$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$work/load")"
export PGPORT=5433
quietly psql -XAtq -c 'SELECT pg_promote()'
value 'INSERT INTO pgbench_history (tid, delta) VALUES (0, 0)'
seconds="$(awk -v a="$stopped" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')"
now="$(value 'SELECT count(*) FROM pgbench_history WHERE tid <> 0')"
((now >= acknowledged && now <= acknowledged + 4)) || fail "standby: $acknowledged transactions were acknowledged, $now are there"
check standby
stop standby clean
say "standby: $acknowledged transactions, none lost; nobody could write for $seconds s"
