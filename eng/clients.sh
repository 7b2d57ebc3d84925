#!/usr/bin/env bash
# Installs what the tests use of other languages: node-postgres, postgres.js, PGlite, Azurite, fauxqs and s3rver into artifacts/clients (npm), asyncpg,
# psycopg 2 and 3 for the system's Python and pgjdbc (Debian's packages; pgjdbc only where there is a Java). A second run finds everything there
# and returns at once. `eng/clients.sh zero` brings zero-cache too. The psql family is eng/pg18.sh's.
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
clients="${POCKETGRES_CLIENTS_DIR:-$repository/artifacts/clients}"

say() { echo "clients: $*" >&2; }
die() { say "$*"; exit 1; }

mkdir -p "$clients"
exec 9>"$clients/.lock"
flock 9

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
run() { "$@" >"$log" 2>&1 || { sed -E 's#[a-z]+://[^ /]*#…#g' "$log" >&2; die "failed: $1 ${*: -1}"; }; }
started=$SECONDS

# Python: Debian's packages are built for /usr/bin/python3, whatever python3 is first in PATH.
packages=()
/usr/bin/python3 -c 'import asyncpg, psycopg, psycopg2' 2>/dev/null || packages+=(python3 python3-asyncpg python3-psycopg python3-psycopg2)
if command -v java >/dev/null && [[ ! -f /usr/share/java/postgresql.jar ]]; then
    packages+=(libpostgresql-jdbc-java)
fi
if ((${#packages[@]})); then
    export DEBIAN_FRONTEND=noninteractive
    apt=(apt-get -y -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120)
    if ! apt-get -qq -s install "${packages[@]}" >/dev/null 2>&1; then
        run "${apt[@]}" update
    fi
    # Lists that are there but old name files that are gone: then update and try once more.
    "${apt[@]}" install --no-install-recommends "${packages[@]}" >"$log" 2>&1 \
        || { run "${apt[@]}" update && run "${apt[@]}" install --no-install-recommends "${packages[@]}"; }
    say "installed ${packages[*]}, $((SECONDS - started)) s"
fi

# Node: the versions are pinned in tests/clients/*/package.json.
install_node() {
    local manifest="$repository/tests/clients/$1/package.json" target="$clients/$1"
    if cmp -s "$manifest" "$target/package.json" && [[ -f "$target/.stamp" ]]; then return; fi
    command -v npm >/dev/null || die "needs npm"
    started=$SECONDS
    rm -rf "$target"
    mkdir -p "$target"
    cp "$manifest" "$target/package.json"
    run npm install --prefix "$target" --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error "${@:3}"
    touch "$target/.stamp"
    say "installed $2, $((SECONDS - started)) s"
}
install_node node node-postgres
install_node replication postgres.js
install_node pglite PGlite
install_node azurite Azurite --omit=optional
install_node overwriting "fauxqs and s3rver"
# 450 MB, its own Node included: only when asked for.
if [[ "${1:-}" == zero ]]; then install_node zero zero-cache; fi
