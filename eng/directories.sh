#!/usr/bin/env bash
# Takes clusters of native PostgreSQL 18 with random content (eng/random-cluster.py) in and out again, round after round: import-pgdata, served here; export-pgdata, served natively; each with pg_dumpall
# compared, pg_amcheck --heapallindexed, and pgbench. Every second round ends the servers by kill -9 instead of a shutdown, and has no tablespaces, which are refused then; the others have one to three.
#
#   eng/directories.sh [ROUNDS]       10 by default
#   SEED                              of the first round (1); a round is done again with its seed
#   SCALE                             pgbench's scale in the last round (1); 70 is a database of about 1 GB
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/beside-native.sh"

rounds="${1:-10}" seed="${SEED:-1}"
export PGOPTIONS='-c client_min_messages=warning'
"${pocketgres[@]}" extensions | awk '/^$/ { exit } /^  / { print $1 }' | sort >"$work/ours.extensions"

sum() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 cat | sha256sum); }
# What a copy has otherwise: where its tablespaces are, and the line about who serves it.
dump() { pg_dumpall --restrict-key=x | sed -E "s/LOCATION '[^']*'/LOCATION/; /^-- Dumped from/d" >"$1"; }
check() { pg_amcheck --all --install-missing --heapallindexed --parent-check || fail "$round, $1: pg_amcheck found something"; }
use() {
    dump "$work/after"
    cmp "$work/before" "$work/after" || { diff "$work/before" "$work/after" | head -20; fail "$round, $1: the dump differs"; }
    check "$1"
    quietly pgbench -n -c 4 -t 100 bench
    [[ "$(psql -XAt -d bench -c 'SELECT count(*) FROM pgbench_history' -c 'SELECT sum(abalance) - (SELECT sum(delta) FROM pgbench_history) FROM pgbench_accounts')" == "$2"$'\n0' ]] || fail "$round, $1: pgbench's sums differ"
    for database in $(psql -XAt -c "SELECT datname FROM pg_database WHERE datname LIKE 'd_'"); do psql -Xq -v ON_ERROR_STOP=1 -d "$database" -c "CALL touch('$1')"; done
    dump "$work/before"
}

for ((n = 1; n <= rounds; n++, seed++)); do
    scale=$((n == rounds ? ${SCALE:-1} : 1)) how=clean spaces=$((1 + seed % 3)) words=()
    if ((n % 2 == 0)); then how=killed spaces=0; fi
    round="round $n (seed $seed)"
    rm -rf "$work"/native "$work"/ours "$work"/space*
    make_native "$work/native" -E UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8
    for ((s = 0; s < spaces; s++)); do install -d -o "$owner" -m 700 "$work/space$s"; words+=(--space "$work/space$s"); done
    start_native native "$work/native"
    for extension in $(psql -XAtc 'SELECT name FROM pg_available_extensions' | sort | comm -12 - "$work/ours.extensions"); do words+=(--extension "$extension"); done
    python3 "$repository/eng/random-cluster.py" "$seed" "${words[@]}" >"$work/content.sql"
    quietly psql -Xq -v ON_ERROR_STOP=1 -o /dev/null -f "$work/content.sql"
    createdb bench
    quietly pgbench -i -q -s "$scale" bench
    check "as made"
    dump "$work/before"
    stop native "$how"

    before="$(sum "$work/native")"
    quietly "${pocketgres[@]}" import-pgdata "$work/native" "$work/ours" --reindex
    [[ "$(sum "$work/native")" == "$before" ]] || fail "$round: the source was changed"
    start_ours ours "$work/ours"
    use ours 400
    bytes="$(psql -XAt -c 'SELECT sum(pg_database_size(oid)) / 1000000 FROM pg_database')"
    stop ours "$how"
    rm -rf "$work/native"
    quietly "${pocketgres[@]}" export-pgdata "$work/ours" "$work/native"
    start_native back "$work/native"
    if [[ -f "$work/native/pocketgres-reindex.sql" ]]; then quietly psql -Xq -v ON_ERROR_STOP=1 -f "$work/native/pocketgres-reindex.sql"; fi
    use natively 800
    stop back "$how"
    say "$round, $how: equal, $(wc -l <"$work/before") lines, ${bytes%.*} MB, $(grep -c '^CREATE INDEX\|^CREATE UNIQUE INDEX' "$work/before") indexes, $(grep -c '^CREATE DATABASE' "$work/before") databases, $spaces tablespaces, extensions: $(grep '^CREATE EXTENSION' "$work/before" | awk '{ print $6 }' | sort -u | paste -sd ' ')"
done
