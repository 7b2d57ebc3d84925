#!/usr/bin/env bash
# Many clients on few sessions: pgbench's TPC-B by prepared statements through PgBouncer (transaction mode, SCRAM, passwords looked up in the server, as docs/operations.md has it) into
# `pocketgres serve`. Prints rates and what PgBouncer and the server saw; exit code 1 when a client failed, an account was lost, or there were more sessions than the pool has.
#
#   eng/bouncer.sh                    2,000 clients, 20 sessions, 60 s
#   eng/bouncer.sh CLIENTS SESSIONS SECONDS
#   POCKETGRES_CLI                    the pocketgres.dll to start (the Release build by default)
# Needs eng/pg18.sh and eng/operators-tools.sh to have run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
clients="${1:-2000}" sessions="${2:-20}" seconds="${3:-60}"
bin="$PWD/artifacts/pg18/bin" bouncer="$PWD/artifacts/operators-tools/bin/pgbouncer"
cli="${POCKETGRES_CLI:-$PWD/src/Pocketgres.Cli/bin/Release/net10.0/pocketgres.dll}"
scale=20 # rows that two clients want at the same time are few, so that the pool is what is measured
ulimit -n "$(ulimit -Hn)"

work="$(mktemp -d /tmp/pocketgres-bouncer-XXXXXX)"
chmod 755 "$work"
processes=()
finish() {
    for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap finish EXIT

echo super-secret >"$work/password"
mkfifo "$work/ready"
POCKETGRES_ALLOW_ROOT=1 dotnet exec "$cli" serve "file:$work/data" --port 0 --password-file "$work/password" --database shop -c "max_connections=$((sessions + 10))" \
    >"$work/ready" 2>"$work/server.log" & processes+=($!)
read -r line <"$work/ready" || { tail -n 5 "$work/server.log" >&2; exit 1; }
port="$(sed -E 's/.*"port": ([0-9]+).*/\1/' <<<"$line")"
export PGHOST=127.0.0.1 PGUSER=postgres PGPASSWORD=super-secret PGDATABASE=shop PGSSLMODE=disable PGCONNECT_TIMEOUT=120
ask() { "$bin/psql" -X -At -p "$port" -c "$1"; }
ask "create role app login password 'app-secret'; create role pgbouncer login password 'lookup-secret'; create schema pgbouncer; grant create on schema public to app;
    create function pgbouncer.user_lookup(in i_username text, out uname text, out phash text) returns record language sql security definer set search_path = pg_catalog
    as 'select usename, passwd from pg_shadow where usename = i_username and not usesuper';
    revoke all on function pgbouncer.user_lookup from public; grant usage on schema pgbouncer to pgbouncer; grant execute on function pgbouncer.user_lookup to pgbouncer" >/dev/null

entrance="$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')"
echo '"pgbouncer" "lookup-secret"' >"$work/users"
cat >"$work/pgbouncer.ini" <<INI
[databases]
shop = host=127.0.0.1 port=$port dbname=shop
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $entrance
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $work/users
auth_user = pgbouncer
auth_dbname = shop
auth_query = SELECT uname, phash FROM pgbouncer.user_lookup(\$1)
admin_users = pgbouncer
pool_mode = transaction
default_pool_size = $sessions
max_client_conn = $((clients + 10))
max_prepared_statements = 100
query_wait_timeout = 0
listen_backlog = 4096
$( ((EUID)) || echo "user = nobody")
INI
"$bouncer" -q "$work/pgbouncer.ini" >"$work/bouncer.log" 2>&1 & processes+=($!)
until PGUSER=app PGPASSWORD=app-secret "$bin/psql" -X -At -p "$entrance" -c "select 1" >/dev/null 2>"$work/psql.log"; do
    kill -0 "${processes[1]}" 2>/dev/null || { cat "$work/bouncer.log" >&2; exit 1; }
    sleep 0.1
done

export PGUSER=app PGPASSWORD=app-secret
"$bin/pgbench" -i -q -s "$scale" -p "$port" >"$work/init.log" 2>&1 || { cat "$work/init.log" >&2; exit 1; }
# A thread a client: one that waits for the answer to PREPARE must not keep others of its thread from giving their sessions back.
"$bin/pgbench" -n -M prepared -c "$clients" -j "$clients" -T "$seconds" -s "$scale" -p "$entrance" >"$work/bench.log" 2>"$work/bench.err" & bench=$!
processes+=("$bench")
most=0
while kill -0 "$bench" 2>/dev/null; do
    now="$(PGUSER=postgres PGPASSWORD=super-secret ask "select count(*) from pg_stat_activity where usename = 'app'")"
    ((now <= most)) || most="$now"
    sleep 1
done
code=0
wait "$bench" || code=$?
grep -E '^(number of clients|number of transactions actually|number of failed|latency average|initial connection|tps)' "$work/bench.log" || true
PGUSER=pgbouncer PGPASSWORD=lookup-secret PGDATABASE=pgbouncer "$bin/psql" -X -p "$entrance" -c "show stats" -x | grep -E '^(database|total_xact_count|total_server_parse_count|total_client_parse_count|total_bind_count)' | grep -A4 shop || true
echo "sessions of the server, at most: $most of $sessions"
done_="$(sed -nE 's/^number of transactions actually processed: ([0-9]+).*/\1/p' "$work/bench.log")"
kept="$(PGUSER=postgres PGPASSWORD=super-secret ask "select count(*) from pgbench_history")"
balanced="$(PGUSER=postgres PGPASSWORD=super-secret ask "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history) and (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history)")"
echo "transactions that pgbench counts: ${done_:-none}, in the history: $kept, accounts and branches agree: $balanced"
if ((code != 0 || most > sessions)) || [[ -s "$work/bench.err" && -n "$(grep -iE 'error|abort|fatal' "$work/bench.err")" ]] || [[ "$balanced" != t || -z "$done_" ]] || ((kept < done_)); then
    head -n 5 "$work/bench.err" >&2
    echo "bouncer: failed (pgbench's exit code $code)" >&2
    exit 1
fi
