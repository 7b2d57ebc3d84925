#!/usr/bin/env bash
# Applies the migrations of real applications, whose folders somebody has fetched: from a clean state; again, when there is nothing to do; killed (-9, the server with it) at random moments until
# it is through, with the same schema and as many rows as the clean one; and with a file changed that was applied, which is refused.
#
#   eng/migrations.sh [--prepare FILE.sql] FOLDER ...     --prepare: what the application's own setup does before them, for the folder that follows
#   POCKETGRES      the command (default: the build of this clone)
#   KILLS           runs that are killed (3)
#   SEED            of the moments (1)
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
read -ra pocketgres <<<"${POCKETGRES:-dotnet exec $repository/src/Pocketgres.Cli/bin/Release/net10.0/pocketgres.dll}"
kills="${KILLS:-3}" RANDOM="${SEED:-1}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export POCKETGRES_ALLOW_ROOT=1
unset DATABASE_URL

fail() { echo "migrations: $folder: $*"; exit 1; }
prepare_database() { # DIRECTORY
    rm -rf "$1"
    [[ -z "$prepare" ]] || "${pocketgres[@]}" sql "file:$1" -f "$prepare" >"$work/log" 2>&1 || { cat "$work/log"; fail "not prepared"; }
}
migrate() { "${pocketgres[@]}" migrate "$1" "file:$2" >"$work/out" 2>"$work/error"; }

# The schema with the settings of database and roles, the tools' own tables too, and the number of rows of every table.
describe() { # DIRECTORY FILE
    "${pocketgres[@]}" dump "file:$1" --schema-only --restrict-key=x >"$2" || fail "not dumped"
    "${pocketgres[@]}" sql "file:$1" --format csv -c "SELECT string_agg(format('SELECT %L AS name, count(*) FROM %s', c.oid::regclass, c.oid::regclass), ' UNION ALL ') FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind = 'r' AND nspname !~ '^pg_|^information_schema$'" | tail -n +2 | sed 's/^"//; s/"$//; s/""/"/g' >"$work/counts.sql"
    "${pocketgres[@]}" sql "file:$1" --format csv -f "$work/counts.sql" | sort >>"$2"
}
same() { cmp -s "$1" "$2" || { diff "$1" "$2" | head -20; fail "$3"; }; }

prepare=
while (($# > 0)); do
    if [[ "$1" == --prepare ]]; then prepare="$2"; shift 2; continue; fi
    folder="$1"
    shift
    prepare_database "$work/clean"
    started=$EPOCHREALTIME
    migrate "$folder" "$work/clean" || { cat "$work/error"; fail "not applied"; }
    took="$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')"
    verdict="$(tail -n 1 "$work/out")"
    tool="${verdict%%:*}" count="$(grep -c '^applied ' "$work/out")"
    sed -n 's/^applied //p' "$work/out" >"$work/names"
    [[ "$verdict" == "$tool: applied $count, 0 were there" ]] || fail "said $verdict"

    migrate "$folder" "$work/clean" || { cat "$work/error"; fail "the second time failed"; }
    [[ "$(cat "$work/out")" == "$tool: applied 0, $count were there" ]] || fail "the second time said $(cat "$work/out")"
    describe "$work/clean" "$work/expected"

    interrupted=0
    for ((k = 1; k <= kills; k++)); do
        prepare_database "$work/killed"
        # Killed again and again, each time with more time than before.
        while :; do
            after="$(awk -v took="$took" -v r="$RANDOM" -v more="$((interrupted % 4))" 'BEGIN { print 0.2 + took * r / 32768 * (1 + more / 2) }')"
            if timeout --foreground -s KILL "$after" "${pocketgres[@]}" migrate "$folder" "file:$work/killed" >"$work/out" 2>"$work/error"; then break; fi
            [[ ! -s "$work/error" ]] || { cat "$work/error"; fail "failed after a kill"; }
            interrupted=$((interrupted + 1))
        done
        migrate "$folder" "$work/killed" || { cat "$work/error"; fail "failed after kills"; }
        [[ "$(cat "$work/out")" == "$tool: applied 0, $count were there" ]] || fail "after kills it said $(cat "$work/out")"
        describe "$work/killed" "$work/got"
        same "$work/expected" "$work/got" "differs after kills"
    done

    rm -rf "$work/changed"
    cp -r "$folder" "$work/changed"
    file=
    for name in $(shuf --random-source=<(yes "${SEED:-1}") "$work/names"); do
        case "$(basename "$name")" in R__*) continue ;; esac # to be changed is what it is for
        for candidate in "$name" "$name/migration.sql" "$name.sql"; do
            file="$(find "$work/changed" -path "*/$candidate" -type f | head -n 1)"
            [[ -z "$file" ]] || break 2
        done
    done
    [[ -n "$file" ]] || fail "no file of an applied migration was found"
    echo "// -- changed" >>"$file"
    if migrate "$work/changed" "$work/clean"; then fail "a changed file was taken"; fi
    grep -q "$(basename "$file") has changed since it was applied" "$work/error" || { cat "$work/error"; fail "a changed file was refused for another reason"; }
    rm -rf "$work/clean" "$work/killed"
    echo "migrations: $folder: $tool, $count applied in $took s, nothing to do the second time, equal after $interrupted kills, $(basename "$file") refused when changed"
    prepare=
done
