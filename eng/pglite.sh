#!/usr/bin/env bash
# Takes databases of PGlite with random content in and out again, round after round: made by PGlite in Node (closed, killed, or as an archive of dumpDataDir), import-pgdata, served here;
# export-pgdata --pglite, loaded by PGlite; each with everything that is in it compared, and B-trees checked against their tables. Meanwhile imports and exports are killed at random moments: what is there then is nothing, or all.
#
#   eng/pglite.sh [ROUNDS]            10 by default
#   KILLS                             killed attempts a round (5)
#   SEED                              of the first round (1)
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/beside-native.sh"

installed="${POCKETGRES_CLIENTS_DIR:-$repository/artifacts/clients}/pglite" content="$repository/tests/clients/pglite/content.mjs"
rounds="${1:-10}" kills="${KILLS:-5}" seed="${SEED:-1}"
[[ -d "$installed/node_modules" ]] || fail "PGlite is not installed: run eng/clients.sh"

describe() { # DIRECTORY FILE
    start_ours ours "$1"
    psql -XAtc 'SELECT described()' >"$2"
    pg_amcheck --all --install-missing --heapallindexed --parent-check || fail "$at: pg_amcheck found something"
    stop ours clean
}
same() { cmp -s "$1" "$2" || { diff "$1" "$2" | head -20; fail "$at: $3"; }; }
# Runs a command that ends in time of its own or is killed, group and all, after a random part of SECONDS.
killed() { # SECONDS COMMAND...
    local after; after="$(awk -v limit="$1" -v r="$RANDOM" 'BEGIN { print 0.05 + limit * r / 32768 }')"
    shift
    (timeout --foreground -s KILL "$after" "$@" || true) >/dev/null 2>&1 # it waits for the end, when the locks are free
}

for ((round = 1; round <= rounds; round++, seed++)); do
    hows=(archive closed killed) how="${hows[seed % 3]}" at="round $round (seed $seed, $how)"
    rm -rf "$work"/theirs* "$work"/ours* "$work"/back*
    end=()
    if [[ "$how" == killed ]]; then end=(--kill); fi
    (node "$content" "$installed" make "$work/theirs" --seed "$seed" --archive "$work/theirs.tgz" "${end[@]}" || true) >"$work/made" 2>"$work/log"
    [[ "$(tail -n 1 "$work/made")" == plpgsql* ]] || { cat "$work/log"; fail "$at: PGlite did not make it"; }
    from="$work/theirs"
    if [[ "$how" == archive ]]; then from="$work/theirs.tgz"; fi
    sum="$(find "$from" -type f -print0 | sort -z | xargs -0 cat | sha256sum)"

    started=$EPOCHREALTIME
    quietly "${pocketgres[@]}" import-pgdata "$from" "$work/ours"
    took="$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')"
    [[ "$(find "$from" -type f -print0 | sort -z | xargs -0 cat | sha256sum)" == "$sum" ]] || fail "$at: the source was changed"
    finished=0
    for ((k = 1; k <= kills; k++)); do
        rm -rf "$work/again"
        killed "$took" "${pocketgres[@]}" import-pgdata "$from" "$work/again"
        if [[ -f "$work/again/PG_VERSION" ]]; then finished=$((finished + 1)); else quietly "${pocketgres[@]}" import-pgdata "$from" "$work/again"; fi
    done
    if ((kills > 0)); then rm -rf "$work/ours"; mv "$work/again" "$work/ours"; fi

    # A crash skips numbers of sequences that were only fetched; every other line is the same.
    describe "$work/ours" "$work/served"
    filter=(cat)
    if [[ "$how" != closed ]]; then filter=(grep -v '^sequence '); fi
    "${filter[@]}" "$work/made" >"$work/expected"
    "${filter[@]}" "$work/served" >"$work/got"
    same "$work/expected" "$work/got" "differs here"

    quietly "${pocketgres[@]}" export-pgdata --pglite "$work/ours" "$work/back.tgz"
    for ((k = 1; k <= kills; k++)); do
        rm -f "$work/back.tgz"
        killed "$took" "${pocketgres[@]}" export-pgdata --pglite "$work/ours" "$work/back.tgz"
        if [[ ! -f "$work/back.tgz" ]]; then quietly "${pocketgres[@]}" export-pgdata --pglite "$work/ours" "$work/back.tgz"; fi
        [[ ! -e "$work/back.tgz.unfinished" ]] || rm -r "$work/back.tgz.unfinished"
    done
    node "$content" "$installed" load "$work/back.tgz" --seed "$seed" >"$work/loaded" || fail "$at: PGlite did not load it"
    grep -v '^amcheck' "$work/loaded" >"$work/got" # the extension that checked it
    same "$work/served" "$work/got" "differs in PGlite"
    say "$at: equal, $(wc -l <"$work/made") lines, import in $took s, $kills imports and exports killed ($finished imports had ended)"
done
