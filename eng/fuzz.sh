#!/usr/bin/env bash
# Attacks a server of this clone with what nobody should send it (tests/Pocketgres.Fuzz). Exit code 1 when something was found; each line of what was found
# names its seed: --seed SEED --cases 1 does it again.
#
#   eng/fuzz.sh wire --seconds 3600            messages: recorded sessions with faults, and what no driver sends
#   eng/fuzz.sh sql --seconds 3600             statements: every function with extreme arguments, deep and wide expressions; SQLSTATEs as native's
#   eng/fuzz.sh directories --seconds 3600     data directories with flipped bits and cut files
#   eng/fuzz.sh record                         record the drivers' sessions anew (needs eng/clients.sh, eng/pg18.sh and a Java)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
configuration="${CONFIGURATION:-Release}"
if [[ "${POCKETGRES_NO_BUILD:-}" != 1 ]]; then
    dotnet build src/Pocketgres.Cli -c "$configuration" -v q -nologo >&2
    dotnet build tests/Pocketgres.Fuzz -c "$configuration" -v q -nologo >&2
fi
fuzz=(dotnet exec "tests/Pocketgres.Fuzz/bin/$configuration/net10.0/Pocketgres.Fuzz.dll")
cli=(--cli "$PWD/src/Pocketgres.Cli/bin/$configuration/net10.0/pocketgres.dll")
work="$(mktemp -d)"
cleanup() {
    if [[ -f "$work/data/postmaster.pid" ]]; then kill -QUIT "$(head -n 1 "$work/data/postmaster.pid")" || true; fi
    rm -rf "$work"
}
trap cleanup EXIT

native() {
    eng/pg18.sh
    local as=() port
    mkdir "$work/data" "$work/socket"
    if ((EUID == 0)); then
        chmod a+x "$work"
        chown nobody "$work/data" "$work/socket"
        as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    fi
    port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
    (cd / && "${as[@]}" "$OLDPWD/artifacts/pg18/bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --no-sync >&2)
    (cd / && exec "${as[@]}" "$OLDPWD/artifacts/pg18/bin/postgres" -D "$work/data" -p "$port" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$work/socket" \
        -c wal_level=logical -c fsync=off >"$work/log" 2>&1) &
    until "artifacts/pg18/bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do sleep 0.1; done
    echo "$port" >"$work/port"
}

keep() { # keep DRIVER COMMAND...
    "${fuzz[@]}" record "${cli[@]}" --out "tests/Pocketgres.Fuzz/Recordings/$1.bin" -- "${@:2}"
}

case "${1:-}" in
wire | directories) "${fuzz[@]}" "$1" "${cli[@]}" "${@:2}" ;;
sql)
    native
    "${fuzz[@]}" sql "${cli[@]}" --native "$(cat "$work/port")" "${@:2}"
    ;;
record)
    keep psql artifacts/pg18/bin/psql -X -q -o /dev/null -f tests/Pocketgres.Fuzz/Recordings/psql.sql
    keep npgsql "${fuzz[@]}" npgsql-session
    NODE_PATH="$PWD/artifacts/clients/node/node_modules" keep node-postgres node tests/clients/node/node-postgres.cjs
    keep asyncpg /usr/bin/python3 tests/clients/python/asyncpg_client.py
    keep psycopg /usr/bin/python3 tests/clients/python/psycopg_client.py
    keep pgjdbc java -cp /usr/share/java/postgresql.jar tests/clients/java/PgjdbcClient.java
    ;;
*) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
