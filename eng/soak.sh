#!/usr/bin/env bash
# Kinds of work beside each other on one server, by pgbench, whose invariants are checked all the time and after each round; the server is killed (SIGKILL) after every third round,
# and pg_amcheck --heapallindexed looks at everything after each.
#
#   eng/soak.sh [MINUTES]         default: 10
#   POCKETGRES_CLI                the pocketgres.dll to start (default: what ./pocketgres builds)
#   SOAK_ROUND                    seconds of a round (default: 20)
#   SOAK_SETTINGS                 more settings, NAME=VALUE separated by blanks
#
# Prints a line for each round; exit code 1 at the first violation, and the directory with the logs stays.
set -uo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
minutes="${1:-10}" round_seconds="${SOAK_ROUND:-20}"
"$repository/eng/pg18.sh" >/dev/null || exit 2
bin="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}/bin"
if [[ -n "${POCKETGRES_CLI:-}" ]]; then server=(dotnet exec "$POCKETGRES_CLI"); else server=("$repository/pocketgres"); "${server[@]}" --version >/dev/null || exit 2; fi
work="$(mktemp -d "${TMPDIR:-/tmp}/soak.XXXXXX")"
export PGHOST="$work" PGUSER=postgres PGDATABASE=postgres
pid= kept=
trap '[[ -z "$pid" ]] || { kill -TERM "$pid"; wait "$pid"; }; [[ -n "$kept" ]] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
violation() { kept=1; echo "soak: VIOLATION: $* (logs: $work)"; exit 1; }
ask() { "$bin/psql" -XqAtv ON_ERROR_STOP=1 -c "$1" 2>&1; }

start() {
    local line setting arguments=()
    for setting in ${SOAK_SETTINGS:-}; do arguments+=(-c "$setting"); done
    rm -f "$work/ready"
    mkfifo "$work/ready"
    POCKETGRES_ALLOW_ROOT=1 "${server[@]}" serve "file:$work/data" --port 0 --unix-socket-dir "$work" -c deadlock_timeout=100ms -c autovacuum_naptime=1s -c max_prepared_transactions=20 \
        -c wal_level=logical -c min_parallel_table_scan_size=0 -c parallel_setup_cost=0 "${arguments[@]}" >"$work/ready" 2>>"$work/server.log" &
    pid=$!
    read -r line <"$work/ready" || violation "the server does not start"
    PGPORT="$(sed -nE 's/.*"port": ?([0-9]+).*/\1/p' <<<"$line")"
    export PGPORT
}

# One file for each kind of work. A violation is an error of SQLSTATE 22012, division by zero.
kind() { cat >"$work/$1.sql"; }
kind bank <<'SQL'
\set a random(1, 100)
\set b random(1, 100)
\set n random(1, 50)
begin;
update account set balance = balance - :n where id = least(:a, :b);
update account set balance = balance + :n where id = greatest(:a, :b);
commit;
SQL
kind sum <<'SQL'
begin isolation level repeatable read;
select 1 / (sum(balance) = 100000)::int from account;
select 1 / (count(*) = 100 and sum(balance) = 100000)::int from (select * from account order by balance, id offset 0) s;
commit;
SQL
kind unique <<'SQL'
\set k random(1, 2000)
insert into claimed (k, n) values (:k, 1) on conflict (k) do update set n = claimed.n + 1;
delete from claimed where k = (:k * 7) % 2000;
select 1 / (count(*) <= 1)::int from claimed where k = :k;
SQL
kind sequence <<'SQL'
insert into numbered (made) values (clock_timestamp());
insert into numbered (made) select clock_timestamp() from generate_series(1, 5);
SQL
kind serializable <<'SQL'
\set d random(1, 10)
begin isolation level serializable;
insert into on_call select :d where (select count(*) from on_call where day = :d) = 0;
commit;
SQL
kind advisory <<'SQL'
\set k random(1, 5)
begin;
select pg_advisory_xact_lock(4711, :k);
select n as before from guarded where k = :k \gset
update guarded set n = :before + 1 where k = :k;
insert into guarded_log values (:k);
commit;
SQL
kind notify <<'SQL'
listen news;
notify news, 'x';
select pg_notify('news', md5(random()::text));
unlisten news;
SQL
kind parallel <<'SQL'
set max_parallel_workers_per_gather = 2;
select 1 / (count(*) = 20000 and count(distinct v) = 20000)::int from wide where v ~ '^[0-9a-f]+$';
select 1 / (coalesce(sum(n), 0) = 0)::int from (select h.id - w.id as n from wide w join wide h using (v)) s;
SQL
kind schema <<'SQL'
\set t random(1, 1000000)
create temp table scratch as select i, md5(i::text) v from generate_series(1, 1000) i;
create index on scratch (v);
select 1 / (count(*) = 1000)::int from scratch;
drop table scratch;
begin;
create table made_:t (id int primary key, r int references account (id));
insert into made_:t select i, i from generate_series(1, 100) i;
drop table made_:t;
commit;
vacuum claimed;
SQL
kind prepared <<'SQL'
\set a random(1, 100)
begin;
update account set balance = balance where id = :a;
prepare transaction :'name';
commit prepared :'name';
SQL

echo "soak: $minutes minutes in $work"
start
ask "create extension amcheck;
    create table account (id int primary key, balance bigint not null); insert into account select i, 1000 from generate_series(1, 100) i;
    create table claimed (k int primary key, n int); create index on claimed (n);
    create table numbered (id bigint generated always as identity primary key, made timestamptz);
    create table on_call (day int);
    create table guarded (k int primary key, n bigint); insert into guarded select i, 0 from generate_series(1, 5) i; create table guarded_log (k int);
    create table wide as select i as id, md5(i::text) v from generate_series(1, 20000) i; create unique index on wide (v); analyze" >/dev/null || violation "the setup failed"
ask "select pg_create_logical_replication_slot('changes', 'test_decoding')" >/dev/null || violation "the setup failed"

end=$((SECONDS + minutes * 60)) round=0
while ((SECONDS < end)); do
    round=$((round + 1))
    jobs=()
    for k in bank sum unique sequence serializable advisory notify parallel schema prepared; do
        case $k in bank | unique | advisory) clients=3 ;; prepared) clients=1 ;; *) clients=2 ;; esac
        "$bin/pgbench" -n -c "$clients" -j 1 -T "$round_seconds" --max-tries=100 -D "name=p$k" -f "$work/$k.sql" >"$work/$k.out" 2>&1 &
        jobs+=($!)
    done
    # Cancels and terminations meanwhile, of pgbench's sessions too: those that are terminated are pgbench's errors of class 57.
    for ((i = 0; i < round_seconds - 4; i += 2)); do
        sleep 2
        ask "select count(pg_cancel_backend(pid)) from (select pid from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and backend_type = 'client backend' order by random() limit 1) s;
            select count(*) from pg_logical_slot_get_changes('changes', null, null)" >"$work/interrupts.out" || { kill -0 "$pid" 2>/dev/null || violation "the server ended"; }
    done
    crash=
    if ((round % 3 == 0)); then
        kill -KILL "$pid"
        wait "$pid" 2>/dev/null
        crash=", killed"
    fi
    for job in "${jobs[@]}"; do
        timeout $((round_seconds + 120)) tail --pid="$job" -f /dev/null || violation "a client hangs (round $round)"
    done
    [[ -z "$crash" ]] || start
    grep -lE "division by zero|duplicate key|unexpected data beyond EOF|invalid page|could not (read|open) (block|file)" "$work"/*.out && violation "round $round"
    [[ "$(ask "select gid from pg_prepared_xacts" | while read -r gid; do ask "rollback prepared '$gid'"; done)" == "" ]] || violation "prepared transactions"
    answer="$(ask "select (select sum(balance) from account) = 100000
            and (select count(*) = count(distinct id) from numbered)
            and (select count(*) = count(distinct day) from on_call)
            and (select sum(n) from guarded) = (select count(*) from guarded_log)
            and not exists (select from guarded g where n <> (select count(*) from guarded_log l where l.k = g.k))")"
    [[ "$answer" == t ]] || violation "round $round: an invariant does not hold: $answer"
    "$bin/pg_amcheck" --all --heapallindexed --no-dependent-toast >"$work/amcheck.out" 2>&1 || violation "round $round: pg_amcheck: $(head -n 3 "$work/amcheck.out")"
    ask "delete from on_call" >/dev/null
    grep -nE "PANIC|TRAP|terminated by signal|Unhandled exception" "$work/server.log" && violation "round $round: the server's log"
    echo "soak: round $round$crash: $(grep -h 'actually processed' "$work"/*.out | awk '{ n += $NF } END { print n }') transactions"
done
echo "soak: $round rounds without a violation"
