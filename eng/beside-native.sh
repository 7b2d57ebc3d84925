# Servers of ours beside native PostgreSQL 18: sourced by the scripts that move data between them. They all take
#   POCKETGRES               the command (default: the build of this clone)
#   POCKETGRES_PG18_DIR      native PostgreSQL (default: artifacts/pg18, by eng/pg18.sh), whose programs come first in PATH
# A directory of work, $work, goes with the script; PG* name a Unix socket in it, and a server has the PGPORT with which it is started.
#
#   make_native DIR ARGUMENTS...      initdb; native PostgreSQL refuses root, so its directories are nobody's then
#   start_native NAME DIR SETTINGS...  serves one
#   start_ours NAME DIR ARGUMENTS...  serves one of ours
#   stop NAME clean|killed
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
native="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}/bin"
read -ra pocketgres <<<"${POCKETGRES:-dotnet exec $repository/src/Pocketgres.Cli/bin/Release/net10.0/pocketgres.dll}"
script="$(basename "$0" .sh)"
[[ -x "$native/postgres" ]] || { echo "$script: no native PostgreSQL in $native: run eng/pg18.sh" >&2; exit 1; }
work="$(mktemp -d)"
declare -A servers=()
unset "${!PG@}" DATABASE_URL
export POCKETGRES_ALLOW_ROOT=1 PATH="$native:$PATH" PGHOST="$work/socket" PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
mkdir -m 777 "$PGHOST"
chmod a+rx "$work"
as=() owner="$(id -un)"
if [[ "$(id -u)" == 0 ]]; then as=(setpriv --reuid=nobody --regid=nogroup --clear-groups) owner=nobody; fi

say() { echo "$script: $*"; }
fail() { say "$*"; exit 1; }
quietly() { "$@" >"$work/out" 2>&1 || { cat "$work/out"; fail "failed: $1 ${2:-}"; }; }
own() { if [[ "$(id -u)" == 0 ]]; then chown -R "$1" "$2"; fi }

start() { # NAME COMMAND...
    (cd / && exec "${@:2}") >"$work/$1.log" 2>&1 &
    servers[$1]=$!
    until pg_isready -q; do kill -0 "${servers[$1]}" 2>/dev/null || { cat "$work/$1.log"; unset "servers[$1]"; fail "the server $1 ended"; }; sleep 0.1; done
}
make_native() { install -d -o "$owner" -m 700 "$1"; (cd / && quietly "${as[@]}" initdb -D "$1" -U postgres -A trust --no-sync --no-instructions "${@:2}"); }
start_native() { own "$owner" "$2"; start "$1" "${as[@]}" postgres -D "$2" -c listen_addresses= -c unix_socket_directories="$PGHOST" "${@:3}"; }
start_ours() { own "$(id -un)" "$2"; start "$1" "${pocketgres[@]}" serve "file:$2" --no-tcp --port "$PGPORT" --unix-socket-dir "$PGHOST" -c unix_socket_permissions=0777 "${@:3}"; }
stop() {
    local server="${servers[$1]}" children
    unset "servers[$1]"
    children="$(cat "/proc/$server/task/$server/children" 2>/dev/null || true)"
    if [[ "$2" == killed ]]; then kill -9 "$server" $children 2>/dev/null || true; else kill -INT "$server"; fi
    wait "$server" 2>/dev/null || [[ "$2" == killed ]] || fail "the server $1 did not stop in order"
    for child in $children; do while kill -0 "$child" 2>/dev/null; do sleep 0.05; done; done
    if [[ "$2" == killed ]]; then rm -f "$PGHOST/.s.PGSQL.$PGPORT"*; fi
}
cleanup() { for server in "${servers[@]}"; do kill -QUIT "$server" 2>/dev/null || true; done; wait; rm -rf "$work"; }
trap cleanup EXIT
