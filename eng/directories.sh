#!/usr/bin/env bash
# Takes one cluster of native PostgreSQL 18 in and out again, round after round: import-pgdata, served here; export-pgdata, served natively; each with pg_dumpall compared, pg_amcheck
# --heapallindexed, and pgbench. Every second round ends both servers by kill -9 instead of a shutdown.
#
#   eng/directories.sh [ROUNDS]       10 by default
#   POCKETGRES                        the command (default: the build of this clone)
#   SCALE, SQL                        pgbench's scale (1), and more SQL for the native cluster at the beginning
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
native="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}/bin"
read -ra pocketgres <<<"${POCKETGRES:-dotnet exec $repository/src/Pocketgres.Cli/bin/Release/net10.0/pocketgres.dll}"
rounds="${1:-10}" scale="${SCALE:-1}"
work="$(mktemp -d)"
server=
[[ -x "$native/postgres" ]] || { echo "directories: no native PostgreSQL in $native: run eng/pg18.sh" >&2; exit 1; }

say() { echo "directories: $*"; }
cleanup() { [[ -z "$server" ]] || stop killed; rm -rf "$work"; }

# Native PostgreSQL refuses root.
as=()
if [[ "$(id -u)" == 0 ]]; then as=(setpriv --reuid=nobody --regid=nogroup --clear-groups); fi
owner() { if [[ "$(id -u)" == 0 ]]; then chown -R "$1" "$2"; fi }

export PGOPTIONS='-c client_min_messages=warning' PGHOST="$work/socket" PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
unset PGSERVICE PGHOSTADDR PGPASSWORD DATABASE_URL
mkdir -m 777 "$PGHOST"
chmod a+rx "$work"

wait_ready() { until "$native/pg_isready" -q; do kill -0 "$server" 2>/dev/null || { cat "$work/log"; say "the server ended"; exit 1; }; sleep 0.1; done; }
start_native() {
    owner nobody "$1"
    (cd / && exec "${as[@]}" "$native/postgres" -D "$1" -c listen_addresses= -c unix_socket_directories="$PGHOST") >"$work/log" 2>&1 &
    server=$!
    wait_ready
}
start_ours() {
    owner "$(id -un)" "$1"
    POCKETGRES_ALLOW_ROOT=1 "${pocketgres[@]}" serve "file:$1" --no-tcp --unix-socket-dir "$PGHOST" >"$work/log" 2>&1 &
    server=$!
    wait_ready
}
stop() { # clean | killed
    local children=; children="$(cat "/proc/$server/task/$server/children")"
    if [[ "$1" == killed ]]; then kill -9 "$server" $children; else kill -INT "$server"; fi
    wait "$server" 2>/dev/null || true
    for child in $children; do while kill -0 "$child" 2>/dev/null; do sleep 0.05; done; done
    server=
    rm -f "$PGHOST"/.s.*
}
# What a copy has otherwise: where its tablespaces are, and the line about who serves it.
dump() { "$native/pg_dumpall" --restrict-key=x | sed -E "s/LOCATION '[^']*'/LOCATION/; /^-- Dumped from/d" >"$1"; }
use() {
    dump "$work/after"
    cmp "$work/before" "$work/after" || { diff "$work/before" "$work/after" | head -20; say "round $round, $1: the dump differs"; exit 1; }
    "$native/pg_amcheck" --all --install-missing --heapallindexed --parent-check || { say "round $round, $1: pg_amcheck found something"; exit 1; }
    "$native/pgbench" -n -c 4 -t 100 bench >"$work/bench" 2>&1 || { cat "$work/bench"; exit 1; }
    [[ "$("$native/psql" -XAt -d bench -c 'SELECT count(*) - (SELECT count(*) FROM pgbench_history) FROM pgbench_history h' -c 'SELECT sum(abalance) - (SELECT sum(delta) FROM pgbench_history) FROM pgbench_accounts')" == $'0\n0' ]] ||
        { say "round $round, $1: pgbench's sums differ"; exit 1; }
    "$native/psql" -Xq -d shop -c "INSERT INTO notes (body, price) SELECT '$1 $round ' || i, i FROM generate_series(1, 50) i; UPDATE notes SET price = price + 1 WHERE id % 3 = 0; DELETE FROM notes WHERE id % 11 = 0" \
        -c "SELECT setval('notes_id_seq', max(id)) FROM notes" -o /dev/null # a crash skips numbers that were only fetched
    dump "$work/before"
}

trap cleanup EXIT
mkdir -p "$work/native" "$work/space"
chmod 700 "$work/native" "$work/space"
owner nobody "$work/native"; owner nobody "$work/space"
(cd / && "${as[@]}" "$native/initdb" -D "$work/native" -U postgres -A trust -E UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --no-sync --no-instructions >"$work/log")
start_native "$work/native"
"$native/psql" -Xq -v ON_ERROR_STOP=1 -o /dev/null <<SQL
CREATE TABLESPACE space LOCATION '$work/space';
CREATE ROLE ann; CREATE DATABASE shop; CREATE DATABASE bench; CREATE DATABASE other TABLESPACE space LOCALE_PROVIDER icu ICU_LOCALE 'de' TEMPLATE template0;
\connect shop
CREATE EXTENSION amcheck; CREATE EXTENSION btree_gin; CREATE EXTENSION btree_gist; CREATE EXTENSION bloom; CREATE EXTENSION pg_trgm; CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE notes (id bigserial PRIMARY KEY, body text, at timestamptz DEFAULT '2026-01-01', price float8, tags jsonb, span int4range, words tsvector, place point, extra hstore, ci citext, path ltree, m mood DEFAULT 'ok', twice float8 GENERATED ALWAYS AS (price * 2) STORED);
CREATE INDEX ON notes USING hash (body); CREATE INDEX ON notes USING gin (tags, id); CREATE INDEX ON notes USING gist (span, id); CREATE INDEX ON notes USING spgist (place); CREATE INDEX ON notes USING brin (at);
CREATE INDEX ON notes USING bloom ((id::int)); CREATE INDEX ON notes USING gin (body gin_trgm_ops); CREATE INDEX ON notes USING gist (path); CREATE INDEX ON notes (lower(body)) WHERE price > 1.5; CREATE INDEX ON notes (ci) TABLESPACE space;
INSERT INTO notes (body, price, tags, span, words, place, extra, ci, path) SELECT 'note ' || i, i / 8.0, jsonb_build_object('n', i, 'big', repeat(md5(i::text), 100)), int4range(i, i + 10), to_tsvector('simple', 'word' || i), point(i, -i), hstore('k', i::text), 'C' || i, 'a.b' FROM generate_series(1, 2000) i;
CREATE TABLE parts (d int, t text, PRIMARY KEY (d, t)) PARTITION BY RANGE (d, t); CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0, 'a') TO (5, 'm'); CREATE TABLE parts2 PARTITION OF parts DEFAULT PARTITION BY HASH (t);
CREATE TABLE parts2a PARTITION OF parts2 FOR VALUES WITH (MODULUS 2, REMAINDER 0) TABLESPACE space; CREATE TABLE parts2b PARTITION OF parts2 FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO parts SELECT i % 10, 't' || i FROM generate_series(1, 500) i;
CREATE MATERIALIZED VIEW prices AS SELECT count(*), sum(price) FROM notes; CREATE FUNCTION added(bigint, integer DEFAULT 3) RETURNS bigint LANGUAGE sql RETURN \$1 + \$2; CREATE STATISTICS st (mcv) ON m, price FROM notes;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON notes TO ann USING (price < 5e9); GRANT SELECT ON notes TO ann; SELECT lo_from_bytea(4242, repeat('content', 10000)::bytea);
\connect other
CREATE TABLE words (w text PRIMARY KEY, s text COLLATE "sv-x-icu"); INSERT INTO words SELECT chr(65 + i % 60) || i, md5(i::text) FROM generate_series(1, 2000) i; CREATE INDEX ON words (s);
SQL
[[ -z "${SQL:-}" ]] || "$native/psql" -Xq -o /dev/null -d shop -f "$SQL" 2>"$work/log" || true
"$native/pgbench" -i -q -s "$scale" bench 2>"$work/log"
"$native/pg_amcheck" --all --install-missing --heapallindexed --parent-check
dump "$work/before"
stop clean

for ((round = 1; round <= rounds; round++)); do
    how=$([[ $((round % 2)) == 0 ]] && echo killed || echo clean)
    rm -rf "$work/ours"
    sum="$(cd "$work/native" && find . -type f -print0 | sort -z | xargs -0 cat | sha256sum)"
    "${pocketgres[@]}" import-pgdata "$work/native" "$work/ours" --reindex >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
    [[ "$(cd "$work/native" && find . -type f -print0 | sort -z | xargs -0 cat | sha256sum)" == "$sum" ]] || { say "round $round: the source was changed"; exit 1; }
    start_ours "$work/ours"
    use ours
    stop "$how"
    rm -rf "$work/native"
    "${pocketgres[@]}" export-pgdata "$work/ours" "$work/native" >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
    start_native "$work/native"
    # Rebuilt where both have other versions of ICU.
    "$native/psql" -Xq -d other -c 'SET client_min_messages = error' -c 'REINDEX DATABASE other' -c 'ALTER DATABASE other REFRESH COLLATION VERSION' -c 'ALTER COLLATION "sv-x-icu" REFRESH VERSION' 2>/dev/null
    use natively
    # A tablespace of an exported cluster lies in the directory; nothing is elsewhere to be recovered.
    stop "$how"
    say "round $round ($how): equal, $(wc -l <"$work/before") lines"
done
