# PostgreSQL's own suites against this server: sourced by eng/tap.sh and eng/regress.sh, which both take
#   POCKETGRES_CLI        the pocketgres.dll to start (default: what ./pocketgres builds)
#   PocketgresPostgres    the result of eng/engine.sh that it was built with (default: what eng/engine.sh prints)
#   POCKETGRES_PG18_DIR   native PostgreSQL (default: artifacts/pg18, by eng/pg18.sh)
#
# Sets repository, engine, source_tree, pg18 and server (the command, an array); ends the script when something is missing.
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
script="$(basename "$0" .sh)"
say() { echo "$script: $*" >&2; }
die() { say "$*"; exit 2; }
engine="${PocketgresPostgres:-$("$repository/eng/engine.sh")}" || exit 2
version="$(sed -nE '1s/^PostgreSQL //p' "$engine/VERSION")"
source_tree="$(dirname "$engine")/src/postgresql-$version"
[[ -d "$source_tree/src/test/regress" ]] || die "no source of PostgreSQL $version in $source_tree: run eng/engine.sh"
"$repository/eng/pg18.sh" || die "eng/pg18.sh failed"
pg18="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}"
if [[ -n "${POCKETGRES_CLI:-}" ]]; then server=(dotnet exec "$POCKETGRES_CLI"); else server=("$repository/pocketgres"); fi
"${server[@]}" --version >/dev/null || die "pocketgres does not start"
results_in() { # folder: sets results
    mkdir -p "$1" || exit 2
    results="$(cd "$1" && pwd -P)"
}
