#!/usr/bin/env bash
# Runs PostgreSQL's own test suites against `pocketgres serve`, by PostgreSQL's own drivers (pg_regress and pg_isolation_regress of Debian's
# package, from eng/pg18.sh) and its psql. Each suite has a server of its own, on a new data directory.
#
#   eng/regress.sh                     all: regression isolation contrib modules plpgsql
#   eng/regress.sh regression          src/test/regress' parallel_schedule
#   eng/regress.sh isolation           src/test/isolation's isolation_schedule
#   eng/regress.sh contrib|modules     those of contrib, of src/test/modules, that have tests
#   eng/regress.sh DIR...              one directory of PostgreSQL's source (contrib/ltree), or an extension's source elsewhere
#   TESTS="test_setup json jsonb"      only these tests of a suite
#   REGRESS_SETTINGS                   more settings, NAME=VALUE separated by blanks
#   POCKETGRES_CLI                     the pocketgres.dll to start (default: what ./pocketgres builds)
#   PocketgresPostgres                 the result of eng/engine.sh that it was built with (default: what eng/engine.sh prints)
#   POCKETGRES_REGRESS_DIR             where results, diffs and logs are kept (default: artifacts/regress)
#
# Prints a line for each suite and each test that differs; exit code 1 if one does. Needed: make, and the source tree beside PocketgresPostgres.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/suites.sh"
drivers="$pg18/root/usr/lib/postgresql/18/lib/pgxs/src/test"
results_in "${POCKETGRES_REGRESS_DIR:-$repository/artifacts/regress}"
work="$(mktemp -d "${TMPDIR:-/tmp}/regress.XXXXXX")"
pid=
stop() { # the server; its data directory goes with it
    [[ -z "$pid" ]] || { kill -TERM "$pid" 2>/dev/null; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done; }
    pid=
    rm -rf "$work/data"
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# What a makefile says of its tests, without PostgreSQL's own makefiles.
mkdir -p "$work/make/src"
cat >"$work/make/src/Makefile.global" <<'MAKE'
describe:
	@printf '%s\n' '$(REGRESS)' '$(REGRESS_OPTS)' '$(ISOLATION)' '$(ISOLATION_OPTS)'
MAKE
touch "$work/make/src/Makefile.shlib"
describe() { # directory: sets regress, regress_options, isolation, isolation_options
    local way=("top_builddir=$work/make")
    regress= regress_options= isolation= isolation_options=
    [[ -f "$1/Makefile" ]] || return 1
    grep -q USE_PGXS "$1/Makefile" && way=(USE_PGXS=1 "PGXS=$work/make/src/Makefile.global" "top_builddir=.")
    { read -r regress; read -r regress_options; read -r isolation; read -r isolation_options; } < <(
        make -s -C "$1" -f Makefile "${way[@]}" "top_srcdir=$source_tree" "srcdir=." describe 2>/dev/null)
    [[ -n "$regress$isolation" ]]
}

start() { # log, settings...: sets pid and port
    local log="$1" line setting arguments=(); shift
    for setting in "$@"; do arguments+=(-c "$setting"); done
    # /tmp is where the libpq of dblink and postgres_fdw looks for its own server. Test modules are mounted in /pocketgres/test.
    exec {output}< <(POCKETGRES_ALLOW_ROOT=1 exec "${server[@]}" serve "file:$work/data" --port 0 --unix-socket-dir /tmp --parent-pid $$ \
        -c 'dynamic_library_path=$libdir:/pocketgres/test' -c 'extension_control_path=$system:/pocketgres/test' -c max_prepared_transactions=2 "${arguments[@]}" 2>"$log")
    read -r line <&"$output" || { tail -n 3 "$log" >&2; say "pocketgres did not start (log: $log)"; return 1; }
    exec {output}<&-
    pid="$(sed -nE 's/.*"pid": ?([0-9]+).*/\1/p' <<<"$line")"
    port="$(sed -nE 's/.*"port": ?([0-9]+).*/\1/p' <<<"$line")"
}

# The lines of a configuration file as settings, and the options that are left.
split_options() { # options...: sets options, settings
    options=() settings=()
    local file line
    while (($#)); do
        case "$1" in
            --temp-config) file="$2"; shift ;;
            --temp-config=*) file="${1#*=}" ;;
            --temp-instance | --port | --outputdir) file=; shift ;;
            --dlpath=* | --dbname=* | --temp-instance=* | --port=* | --outputdir=*) file= ;;
            *) options+=("$1"); file= ;;
        esac
        if [[ -n "$file" ]]; then
            while IFS= read -r line; do settings+=("$line"); done < <(sed -nE "s/^([a-z_.]+) *= *'?([^'#]*[^'# ])'?.*\$/\1=\2/p" "$file")
        fi
        shift
    done
}

failed=0 passed=0
suite() { # name, driver, database, input directory, options and tests...; in $run_in, if it is set
    local name="$1" driver="$2" database="$3" input="$4" out="$results/$1" began=$SECONDS options settings line
    shift 4
    rm -rf "$out"
    mkdir -p "$out"
    cd "${run_in:-$out}" || exit 2
    split_options "$@"
    # shellcheck disable=SC2206 # a list of words
    settings+=(${REGRESS_SETTINGS:-})
    start "$out/server.log" "${settings[@]}" || { failed=$((failed + 1)); return; }
    (PGHOST=/tmp PGPORT="$port" "$driver" --bindir="$pg18/bin" --dlpath=/pocketgres/test --inputdir="$input" --outputdir="$out" \
        --user=postgres --dbname="$database" "${options[@]}" >"$out/output" 2>&1 </dev/null)
    kill -0 "$pid" 2>/dev/null || { say "$name: the server has ended (log: $out/server.log)"; failed=$((failed + 1)); }
    stop
    local good bad
    good="$(grep -cE '^ok ' "$out/output")" bad="$(grep -cE '^not ok ' "$out/output")"
    passed=$((passed + good)) failed=$((failed + bad))
    echo "$name: $good as expected, $bad not, $((SECONDS - began)) s"
    if ((bad > 0)); then
        sed -nE 's/^not ok [0-9]+ *[-+] *([^ ]+).*/  \1/p' "$out/output"
        echo "  diffs: $out/$(basename "$(find "$out" -maxdepth 1 -name '*.diffs')")"
    elif ((good == 0)); then
        failed=$((failed + 1))
        sed 's/^/  /' "$out/output"
    fi
}

directory() { # name, directory: its two kinds of tests
    describe "$2" || { say "$2 has no tests"; return; }
    # A copy, since some write beside their sources; what they name is relative to it.
    local run_in="$work/source/$(basename "$2")"
    mkdir -p "$work/source"
    cp -r "$2" "$work/source"
    set -- "$1" "$run_in"
    # shellcheck disable=SC2086 # lists of words
    [[ -z "$regress" ]] || suite "$1" "$drivers/regress/pg_regress" contrib_regression "$2" --encoding=UTF8 $regress_options ${TESTS:-$regress}
    # shellcheck disable=SC2086
    [[ -z "$isolation" ]] || suite "$1-isolation" "$drivers/isolation/pg_isolation_regress" isolation_regression "$2" $isolation_options ${TESTS:-$isolation}
    rm -rf "$work/source"
}

schedule() { # name, driver, directory, schedule
    if [[ -n "${TESTS:-}" ]]; then set -- "$1" "$2" "$3" $TESTS; else set -- "$1" "$2" "$3" "--schedule=$source_tree/$3/$4"; fi
    suite "$1" "$drivers/$2" "$([[ "$1" == isolation ]] && echo isolation_)regression" "$source_tree/$3" --max-concurrent-tests=20 "${@:4}"
}

all_below() { # directory: those that have tests and were built
    local d
    for d in "$source_tree/$1"/*/; do
        d="$(basename "$d")"
        [[ " $left_out " != *" $d "* ]] && describe "$source_tree/$1/$d" && directory "$1/$d" "$source_tree/$1/$d"
    done
}
# In no build of this engine: other languages, SELinux, TLS inside the server, injection points.
left_out="bool_plperl hstore_plperl hstore_plpython jsonb_plperl jsonb_plpython ltree_plpython sepgsql sslinfo injection_points gin typcache"

(($#)) || set -- regression isolation contrib modules plpgsql
for what in "$@"; do
    case "$what" in
        regression) schedule regression regress/pg_regress src/test/regress parallel_schedule ;;
        isolation) schedule isolation isolation/pg_isolation_regress src/test/isolation isolation_schedule ;;
        contrib) all_below contrib ;;
        modules) all_below src/test/modules ;;
        plpgsql) directory plpgsql "$source_tree/src/pl/plpgsql/src" ;;
        *) if [[ -d "$source_tree/$what" ]]; then directory "$what" "$source_tree/$what"
           elif [[ -d "$what" ]]; then directory "$(basename "$what")" "$(cd "$what" && pwd)"
           else die "$what is neither a suite nor a directory"
           fi ;;
    esac
done
echo "$passed as expected, $failed not; results in $results"
((failed == 0))
