#!/usr/bin/env bash
# Runs PostgreSQL's TAP suites (Perl) against this server: prove of PostgreSQL's own files in src/test/SUITE/t, with PostgreSQL's own programs of Debian's package
# (eng/pg18.sh), and in the place of three of them: initdb and postgres are this engine's, pg_ctl is a script that starts `pocketgres serve` and stops it.
#
#   eng/tap.sh                      recovery and subscription
#   eng/tap.sh recovery             src/test/recovery
#   eng/tap.sh recovery/001 ...     only files whose name begins so
#   POCKETGRES_CLI                  the pocketgres.dll to start (default: what ./pocketgres builds)
#   PocketgresPostgres              the result of eng/engine.sh that it was built with (default: what eng/engine.sh prints)
#   POCKETGRES_TAP_DIR              where logs and results are kept (default: artifacts/tap)
#
# Prints a line for each file; exit code 1 if one fails. Needed: perl with Test::More; IPC::Run is taken from Debian.
set -uo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
say() { echo "tap: $*" >&2; }
die() { say "$*"; exit 2; }
engine="${PocketgresPostgres:-$("$repository/eng/engine.sh")}" || exit 2
version="$(sed -nE '1s/^PostgreSQL //p' "$engine/VERSION")"
source_tree="$(dirname "$engine")/src/postgresql-$version"
[[ -d "$source_tree/src/test/recovery/t" ]] || die "no source of PostgreSQL $version in $source_tree: run eng/engine.sh"
"$repository/eng/pg18.sh" || die "eng/pg18.sh failed"
pg18="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}"
if [[ -n "${POCKETGRES_CLI:-}" ]]; then server="dotnet exec '$POCKETGRES_CLI'"; else server="'$repository/pocketgres'"; fi
eval "$server --version" >/dev/null || die "pocketgres does not start"
results="${POCKETGRES_TAP_DIR:-$repository/artifacts/tap}"
mkdir -p "$results"
results="$(cd "$results" && pwd -P)"

perl_library="$results/perl"
if [[ ! -f "$perl_library/usr/share/perl5/IPC/Run.pm" ]]; then
    source "$repository/eng/debian.sh"
    debian_open "$results/apt" "$(. /etc/os-release && echo "$VERSION_CODENAME")"
    debian_download libipc-run-perl
    for package in "$results"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$perl_library"; done
    rm -rf "$results/apt"
fi

work="$(mktemp -d "${TMPDIR:-/tmp}/tap.XXXXXX")"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/bin"
for program in "$pg18/bin"/*; do ln -s "$program" "$work/bin/"; done
rm -f "$work/bin"/{initdb,postgres,pg_ctl}
printf '#!/bin/bash\nexec %s initdb "$@"\n' "$server" >"$work/bin/initdb"
printf '#!/bin/bash\nexec %s postgres "$@"\n' "$server" >"$work/bin/postgres"
cat >"$work/bin/pg_ctl" <<CTL
#!/bin/bash
# As PostgreSQL's pg_ctl, as far as its tests use it.
data= log=/dev/null options= mode=fast action= timeout=180
while ((\$#)); do
    case "\$1" in
        --pgdata | -D) data="\$2"; shift ;;
        --log | -l) log="\$2"; shift ;;
        --options | -o) options="\$options \$2"; shift ;;
        --mode | -m) mode="\$2"; shift ;;
        --timeout | -t) timeout="\$2"; shift ;;
        --wait | -w | --no-wait | -W | --silent | -s) ;;
        -*) echo "pg_ctl: \$1 is not known here" >&2; exit 1 ;;
        *) action="\$1" ;;
    esac
    shift
done
setting() { sed -nE "s/^ *\$1 *= *'?([^'#]*[^'# ])'?.*/\\1/p" "\$data/postgresql.conf" "\$data/postgresql.auto.conf" 2>/dev/null | tail -n 1; }
pid() { head -n 1 "\$data/postmaster.pid" 2>/dev/null; }
ended() { # pid: waits
    for ((i = 0; i < timeout * 20; i++)); do kill -0 "\$1" 2>/dev/null || return 0; sleep 0.05; done
    echo "pg_ctl: server does not shut down" >&2
    return 1
}
start() {
    local arguments=() word ready sockets
    # "--name=value" of postgres is "-c name=value"
    eval "set -- \$options"
    while ((\$#)); do
        case "\$1" in --*) word="\${1#--}"; arguments+=(-c "\${word//-/_}") ;; *) arguments+=("\$1") ;; esac
        shift
    done
    sockets="\$(setting unix_socket_directories)"
    rm -f "\$data.ready"
    mkfifo "\$data.ready"
    POCKETGRES_ALLOW_ROOT=1 setsid $server serve "file:\$data" --port "\$(setting port)" \${sockets:+--unix-socket-dir "\$sockets"} "\${arguments[@]}" \\
        >"\$data.ready" 2>>"\$log" </dev/null 8>&- 9>&- &
    read -rt "\$timeout" ready <"\$data.ready"
    rm -f "\$data.ready"
    [[ "\$ready" == *'"port"'* ]] || { echo "pg_ctl: could not start server" >&2; exit 1; }
}
case "\$action" in
    start) start ;;
    stop | restart)
        running="\$(pid)"
        if [[ -n "\$running" ]]; then
            case "\$mode" in smart | fast) signal=TERM ;; immediate) signal=KILL ;; esac
            kill "-\$signal" "\$running" && ended "\$running" || exit 1
            [[ "\$mode" != immediate ]] || rm -f "\$data/postmaster.pid"
        elif [[ "\$action" == stop ]]; then exit 1
        fi
        [[ "\$action" == stop ]] || start ;;
    reload) kill -HUP "\$(pid)" ;;
    promote)
        psql -X -h "\$(setting unix_socket_directories)" -p "\$(setting port)" -d postgres -Atc 'select pg_promote(true, 180)' | grep -qx t ;;
    logrotate) psql -X -h "\$(setting unix_socket_directories)" -p "\$(setting port)" -d postgres -Atc 'select pg_rotate_logfile()' ;;
    status) kill -0 "\$(pid)" 2>/dev/null || exit 3 ;;
    *) echo "pg_ctl: \$action is not known here" >&2; exit 1 ;;
esac
CTL
chmod +x "$work/bin"/{initdb,postgres,pg_ctl}

export PATH="$work/bin:$PATH" PERL5LIB="$perl_library/usr/share/perl5:$source_tree/src/test/perl"
export PG_REGRESS="$pg18/root/usr/lib/postgresql/18/lib/pgxs/src/test/regress/pg_regress" REGRESS_SHLIB=/pocketgres/test/regress.so
export enable_injection_points=no with_icu=yes with_ssl=no PG_TEST_TIMEOUT_DEFAULT=180 LC_ALL=C PGUSER=postgres
export TESTDATADIR TESTLOGDIR top_builddir="$work"

(($#)) || set -- recovery subscription
failed=0 passed=0 skipped=0
for what in "$@"; do
    suite="${what%%/*}" prefix=; [[ "$what" != */* ]] || prefix="${what#*/}"
    [[ -d "$source_tree/src/test/$suite/t" ]] || die "PostgreSQL has no suite $suite with TAP tests"
    for file in "$source_tree/src/test/$suite/t/$prefix"*.pl; do
        name="$suite/$(basename "$file" .pl)" began=$SECONDS
        TESTDATADIR="$work/data/$name" TESTLOGDIR="$results/$name"
        rm -rf "$TESTLOGDIR"
        mkdir -p "$TESTDATADIR" "$TESTLOGDIR"
        (cd "$source_tree/src/test/$suite" && timeout -k 10 600 prove -v "$file") >"$TESTLOGDIR/output" 2>&1 </dev/null
        code=$?
        why="$(grep -E '^(not ok|Bail out!|# +Failed test|# die:|.*pg_ctl: )' "$TESTLOGDIR/output" | head -n 1)"
        if ((code == 0)) && grep -q 'skipped:' "$TESTLOGDIR/output"; then skipped=$((skipped + 1)); echo "$name: skipped: $(sed -nE 's/.*skipped: (.*)/\1/p' "$TESTLOGDIR/output" | head -n 1)"
        elif ((code == 0)); then passed=$((passed + 1)); echo "$name: $(grep -cE '^ok ' "$TESTLOGDIR/output") as expected, $((SECONDS - began)) s"
        else failed=$((failed + 1)); echo "$name: FAILED (exit code $code) after $((SECONDS - began)) s: $why"
        fi
        rm -rf "$work/data"
    done
done
echo "$passed files as expected, $failed not, $skipped skipped; logs in $results"
((failed == 0))
