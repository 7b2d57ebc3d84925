#!/usr/bin/env bash
# Takes databases of PGlite with random content in and out again, round after round: made by PGlite in Node (closed, killed, or as an archive of dumpDataDir), import-pgdata, served here;
# export-pgdata --pglite, loaded by PGlite; each with everything that is in it compared, and B-trees checked against their tables. Meanwhile imports and exports are killed at random moments: what is there then is nothing, or all.
#
#   eng/pglite.sh [ROUNDS]            10 by default
#   POCKETGRES                        the command (default: the build of this clone)
#   KILLS                             killed attempts a round (5)
#   SEED                              of the first round (1)
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
native="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}/bin" installed="${POCKETGRES_CLIENTS_DIR:-$repository/artifacts/clients}/pglite" content="$repository/tests/clients/pglite/content.mjs"
read -ra pocketgres <<<"${POCKETGRES:-dotnet exec $repository/src/Pocketgres.Cli/bin/Release/net10.0/pocketgres.dll}"
rounds="${1:-10}" kills="${KILLS:-5}" seed="${SEED:-1}"
work="$(mktemp -d)"
server=
[[ -x "$native/psql" && -d "$installed/node_modules" ]] || { echo "pglite: needs psql and PGlite: run eng/pg18.sh and eng/clients.sh" >&2; exit 1; }

say() { echo "pglite: $*"; }
fail() { say "seed $seed, $how: $*"; exit 1; }
cleanup() { [[ -z "$server" ]] || kill -9 "$server"; rm -rf "$work"; }
trap cleanup EXIT
export POCKETGRES_ALLOW_ROOT=1 PGHOST="$work/socket" PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
unset PGSERVICE PGHOSTADDR PGPASSWORD DATABASE_URL
mkdir "$PGHOST"

describe() { # DIRECTORY FILE
    "${pocketgres[@]}" serve "file:$1" --no-tcp --unix-socket-dir "$PGHOST" >"$work/log" 2>&1 &
    server=$!
    until "$native/pg_isready" -q; do kill -0 "$server" 2>/dev/null || { cat "$work/log"; fail "the server ended"; }; sleep 0.1; done
    "$native/psql" -XAtc 'SELECT described()' >"$2"
    "$native/pg_amcheck" --all --install-missing --heapallindexed --parent-check || fail "pg_amcheck found something"
    kill -INT "$server"
    wait "$server" || fail "the server did not stop in order"
    server=
}
same() { cmp -s "$1" "$2" || { diff "$1" "$2" | head -20; fail "$3"; }; }
# Runs a command that ends in time of its own or is killed, group and all, after a random part of SECONDS.
killed() { # SECONDS COMMAND...
    local after; after="$(awk -v limit="$1" -v r="$RANDOM" 'BEGIN { print 0.05 + limit * r / 32768 }')"
    shift
    (timeout --foreground -s KILL "$after" "$@" || true) >/dev/null 2>&1 # it waits for the end, when the locks are free
}

for ((round = 1; round <= rounds; round++, seed++)); do
    hows=(archive closed killed) how="${hows[seed % 3]}"
    rm -rf "$work"/theirs* "$work"/ours* "$work"/back*
    end=()
    if [[ "$how" == killed ]]; then end=(--kill); fi
    (node "$content" "$installed" make "$work/theirs" --seed "$seed" --archive "$work/theirs.tgz" "${end[@]}" || true) >"$work/made" 2>"$work/log"
    [[ "$(tail -n 1 "$work/made")" == plpgsql* ]] || { cat "$work/log"; fail "PGlite did not make it"; }
    from="$work/theirs"
    if [[ "$how" == archive ]]; then from="$work/theirs.tgz"; fi
    sum="$(find "$from" -type f -print0 | sort -z | xargs -0 cat | sha256sum)"

    started=$EPOCHREALTIME
    "${pocketgres[@]}" import-pgdata "$from" "$work/ours" >"$work/out" 2>&1 || { cat "$work/out"; fail "not imported"; }
    took="$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')"
    [[ "$(find "$from" -type f -print0 | sort -z | xargs -0 cat | sha256sum)" == "$sum" ]] || fail "the source was changed"
    finished=0
    for ((k = 1; k <= kills; k++)); do
        rm -rf "$work/again"
        killed "$took" "${pocketgres[@]}" import-pgdata "$from" "$work/again"
        if [[ -f "$work/again/PG_VERSION" ]]; then finished=$((finished + 1)); else "${pocketgres[@]}" import-pgdata "$from" "$work/again" >"$work/out" 2>&1 || { cat "$work/out"; fail "not imported after a kill"; }; fi
    done
    if ((kills > 0)); then rm -rf "$work/ours"; mv "$work/again" "$work/ours"; fi

    # A crash skips numbers of sequences that were only fetched; every other line is the same.
    describe "$work/ours" "$work/served"
    filter=(cat)
    if [[ "$how" != closed ]]; then filter=(grep -v '^sequence '); fi
    "${filter[@]}" "$work/made" >"$work/expected"
    "${filter[@]}" "$work/served" >"$work/got"
    same "$work/expected" "$work/got" "differs here"

    "${pocketgres[@]}" export-pgdata --pglite "$work/ours" "$work/back.tgz" >"$work/out" 2>&1 || { cat "$work/out"; fail "not exported"; }
    for ((k = 1; k <= kills; k++)); do
        rm -f "$work/back.tgz"
        killed "$took" "${pocketgres[@]}" export-pgdata --pglite "$work/ours" "$work/back.tgz"
        if [[ ! -f "$work/back.tgz" ]]; then "${pocketgres[@]}" export-pgdata --pglite "$work/ours" "$work/back.tgz" >"$work/out" 2>&1 || { cat "$work/out"; fail "not exported after a kill"; }; fi
        [[ ! -e "$work/back.tgz.unfinished" ]] || rm -r "$work/back.tgz.unfinished"
    done
    node "$content" "$installed" load "$work/back.tgz" --seed "$seed" >"$work/loaded" || fail "PGlite did not load it"
    grep -v '^amcheck' "$work/loaded" >"$work/got" # the extension that checked it
    same "$work/served" "$work/got" "differs in PGlite"
    say "round $round (seed $seed, $how): equal, $(wc -l <"$work/made") lines, import in $took s, $kills imports and exports killed ($finished imports had ended)"
done
