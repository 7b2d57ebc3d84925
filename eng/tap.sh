#!/usr/bin/env bash
# Runs PostgreSQL's TAP suites (Perl) against this server: PostgreSQL's own files in t/, with Debian's programs of PostgreSQL 18 (eng/pg18.sh), pg_ctl among them.
# In the place of `postgres` it starts `pocketgres serve`, and initdb is this engine's.
#
#   eng/tap.sh                      recovery subscription
#   eng/tap.sh recovery ...         src/test/SUITE, or a directory of PostgreSQL's source with t/: src/bin/pg_basebackup, contrib/amcheck, src/test/modules/commit_ts
#   eng/tap.sh recovery/001 ...     only files whose name begins so
#   TAP_PROGRAMS=ours               clients, too, are this engine's (`pocketgres psql` and so on), slower to start
#   TAP_TIMEOUT                     seconds for a file (default: 600)
#   POCKETGRES_CLI                  the pocketgres.dll to start (default: what ./pocketgres builds)
#   PocketgresPostgres              the result of eng/engine.sh that it was built with (default: what eng/engine.sh prints)
#   POCKETGRES_TAP_DIR              where logs are kept (default: artifacts/tap)
#
# Prints a line for each file; exit code 1 if one fails. Needed: perl with Test::More; IPC::Run is taken from Debian.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/suites.sh"
native="$(cd "$pg18/bin" && pwd -P)"
command="${server[*]@Q}" # for the scripts below
results_in "${POCKETGRES_TAP_DIR:-$repository/artifacts/tap}"

perl_library="$results/perl"
if [[ ! -f "$perl_library/.complete" ]]; then
    source "$repository/eng/debian.sh"
    rm -rf "$results/apt" "$perl_library"
    debian_open "$results/apt" "$(. /etc/os-release && echo "$VERSION_CODENAME")"
    debian_download libipc-run-perl libio-pty-perl
    for package in "$results"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$perl_library"; done
    rm -rf "$results/apt"
    touch "$perl_library/.complete"
fi
perl_folders="$perl_library/usr/share/perl5:$(find "$perl_library/usr/lib" -maxdepth 3 -mindepth 3 -type d -path '*/perl5/*' | paste -sd:)"

work="$(mktemp -d "${TMPDIR:-/tmp}/tap.XXXXXX")"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# pg_ctl and pg_rewind look for postgres and initdb in the folder where they really are: copies.
mkdir "$work/bin" "$work/data" "$work/portlock"
cp -a "$native"/* "$work/bin/"
rm "$work/bin"/{initdb,postgres}
mv "$work/bin/pg_ctl" "$work/bin/native-pg_ctl"
if [[ "${TAP_PROGRAMS:-}" == ours ]]; then
    for program in "$engine/bin"/*; do
        program="$(basename "$program")"
        [[ "$program" == @(postgres|initdb) ]] || { rm -f "$work/bin/$program"; printf '#!/bin/bash\nexec %s %s "$@"\n' "$command" "$program" >"$work/bin/$program"; chmod +x "$work/bin/$program"; }
    done
fi
# The superuser is whom the server's libpq takes itself for: the one user of its kernel.
cat >"$work/bin/initdb" <<SHIM
#!/bin/bash
# pg_ctl compares versions with its own, which has the packager's words too.
[[ "\${1:-}" != @(--version|-V) ]] || exec "$native/initdb" "\$@"
for word in "\$@"; do [[ "\$word" == @(-U*|--username*|--help|-\\?) ]] && exec $command initdb "\$@"; done
exec $command initdb -U postgres "\$@"
SHIM
mv "$work/bin/pg_config" "$work/bin/native-pg_config"
cat >"$work/bin/pg_config" <<SHIM
#!/bin/bash
case "\$*" in
    --includedir-server) echo "$source_tree/src/include" ;;
    --includedir) echo "$(dirname "$engine")/build/postgresql/src/include" ;;
    --sharedir) echo "$engine/share/postgresql" ;;
    *) exec "$work/bin/native-pg_config" "\$@" ;;
esac
SHIM
cat >"$work/bin/postgres" <<SHIM
#!/bin/bash
# As PostgreSQL's postgres for pg_ctl: options and configuration files say where it listens. What is no server is native's.
data="\${PGDATA:-}" settings=() port= sockets= listen=
case "\${1:-}" in --version | -V | --help | -\\? | --single | --boot | --check | --describe-config) exec "$native/postgres" "\$@" ;; esac
setting() { # name=value
    local name="\${1%%=*}" value="\${1#*=}"; name="\${name//-/_}"
    case "\$name" in port) port="\$value" ;; unix_socket_directories) sockets="\$value" ;; listen_addresses) listen="\$value" ;; *) settings+=(-c "\$name=\$value") ;; esac
}
arguments=("\$@")
while ((\$#)); do
    case "\$1" in
        -C) exec "$native/postgres" "\${arguments[@]}" ;;
        -D) data="\$2"; shift ;;
        -D*) data="\${1#-D}" ;;
        -c) setting "\$2"; shift ;;
        -p) port="\$2"; shift ;;
        -k) sockets="\$2"; shift ;;
        -h) listen="\$2"; shift ;;
        -F) setting fsync=off ;;
        -b) setting pocketgres.binary_upgrade=on ;;
        --*) setting "\${1#--}" ;;
        *) echo "postgres: \$1 is not known here" >&2; exit 1 ;;
    esac
    shift
done
# The last of the files' lines wins; a file that is included is not looked for.
configured() { sed -nE "s/^[ \t]*\$1[ \t]*=?[ \t]*('([^']*)'|([^'# \t]+)).*/\\\\2\\\\3/p" "\$data/postgresql.conf" "\$data/postgresql.auto.conf" 2>/dev/null | tail -n 1; }
[[ -n "\$port" ]] || port="\$(configured port)"
[[ -n "\$sockets" ]] || sockets="\$(configured unix_socket_directories)"
[[ -n "\$listen" ]] || listen="\$(configured listen_addresses)"
sockets="\${sockets%%,*}" listen="\${listen%%,*}"
[[ "\$listen" != localhost ]] || listen=127.0.0.1
[[ "\$listen" != '*' ]] || listen=0.0.0.0
where=(--port "\${port:-5432}")
if [[ -n "\$listen" ]]; then where+=(--host "\$listen"); else where+=(--no-tcp); fi
[[ -z "\$sockets" ]] || where+=(--unix-socket-dir "\$sockets")
{ printf '%s' "$work/bin/postgres"; printf ' "%s"' "\${arguments[@]}"; echo; } >"\$data.opts"
cd / # as PostgreSQL, which goes into its data directory
# The log as PostgreSQL writes it, not as this server does.
rm -f "\$data.hooks"
mkfifo "\$data.hooks"
POCKETGRES_TEST_HOOKS=1 exec $command serve "file:\$data" "\${where[@]}" "\${settings[@]}" --log-format json --log-level debug 3>&1 >/dev/null <>"\$data.hooks" 2> >(trap '' INT QUIT TERM; exec perl "$work/native-log" >&3 3>&-) 3>&-
SHIM
# What a restart repeats is this postgres' command line, not that inside of the server.
cat >"$work/bin/pg_ctl" <<SHIM
#!/bin/bash
data="\${PGDATA:-}" restarts=
for ((i = 1; i <= \$#; i++)); do
    case "\${!i}" in --pgdata | -D) next=\$((i + 1)); data="\${!next}" ;; --pgdata=*) data="\${!i#*=}" ;; restart) restarts=1 ;; esac
done
if [[ "\${1:-}" == kill ]]; then
    # Processes are threads of one: a crash stands for a signal.
    [[ "\${2:-}" == @(QUIT|KILL|ABRT|SEGV) && "\${3:-}" =~ ^[0-9]+\$ ]] || { echo "pg_ctl: kill \${2:-} is not known here" >&2; exit 1; }
    for hooks in "$work"/data/t/*/pgdata.hooks; do [[ ! -p "\$hooks" ]] || echo "crash \$3" 1<>"\$hooks"; done
    exit 0
fi
[[ -z "\$restarts" || ! -f "\$data.opts" ]] || cp "\$data.opts" "\$data/postmaster.opts"
exec -a "$work/bin/pg_ctl" "$work/bin/native-pg_ctl" "\$@"
SHIM
cat >"$work/native-log" <<'PERL'
use strict; use warnings; use JSON::PP;
$| = 1;
while (my $line = <STDIN>) {
    my $e = eval { decode_json($line) };
    if (!$e) { print $line; next; }
    my ($first, @more) = split /\n/, $e->{message} // '';
    my $prefix = sprintf '%s UTC [%s] %s ', $e->{timestamp} // '', $e->{pid} // 0, ($e->{application_name} // '');
    my $severity = $e->{error_severity} // 'LOG';
    my $text = "$prefix$severity:  " . ($first // '') . "\n";
    for (@more) { $text .= /^(DETAIL|HINT|QUERY|CONTEXT|LOCATION|BACKTRACE|STATEMENT): (.*)/ ? "$prefix$1:  $2\n" : "\t$_\n"; }
    utf8::encode($text);
    print $text;
}
PERL
chmod +x "$work/bin"/{initdb,postgres,pg_ctl,pg_config}

# Test modules are mounted in /pocketgres/test.
cat >"$work/conf" <<'CONF'
dynamic_library_path = '$libdir:/pocketgres/test'
extension_control_path = '$system:/pocketgres/test'
CONF
# The tests are to run as a user postgres. Who is root has one, in a namespace with users of its own (PostgreSQL's programs refuse root). For others the suites' helper,
# which forgets PGUSER when it is loaded, is loaded before the test.
mkdir "$work/perl"
cat >"$work/perl/PostgresUser.pm" <<'PERL'
package PostgresUser;
if ($0 =~ /\.pl$/) { require PostgreSQL::Test::Utils; $ENV{PGUSER} = 'postgres'; }
1;
PERL
as=() user=()
if ((EUID == 0)); then
    { grep -vE '^(postgres|[^:]*:[^:]*:65534):' /etc/passwd; echo "postgres:x:65534:65534::$work/data:/bin/sh"; } >"$work/passwd"
    as=(unshare -m bash -c 'mount --bind "$0/passwd" /etc/passwd && exec setpriv --reuid 65534 --regid 65534 --clear-groups env "HOME=$0/data" "DOTNET_CLI_HOME=$0/data" "$@"' "$work")
elif [[ "$(id -un)" != postgres ]]; then user=(-MPostgresUser)
fi
owned() { ((EUID != 0)) || chown -R 65534:65534 "$@"; }
chmod -R go+rX "$work"
export PATH="$work/bin:$PATH" PERL5LIB="$work/perl:$perl_folders:$source_tree/src/test/perl" TEMP_CONFIG="$work/conf"
export PG_REGRESS="$pg18/root/usr/lib/postgresql/18/lib/pgxs/src/test/regress/pg_regress" REGRESS_SHLIB=/pocketgres/test/regress.so
export enable_injection_points=no with_icu=yes with_ssl=no with_gssapi=no with_ldap=no with_zlib=yes PG_TEST_TIMEOUT_DEFAULT="${PG_TEST_TIMEOUT_DEFAULT:-180}" LC_ALL=C
# Debian's psql has readline; this engine's reads lines as they come.
with_readline=yes; [[ "${TAP_PROGRAMS:-}" != ours ]] || with_readline=no
export with_readline GZIP_PROGRAM=gzip TAR=tar LZ4=lz4 ZSTD=zstd
export TESTDATADIR TESTLOGDIR top_builddir="$work" share_contrib_dir=/nonexistent

# As PostgreSQL's own runs: initdb once, and copies of what it made.
owned "$work/data"
"${as[@]}" initdb -D "$work/data/template" --no-sync --auth trust >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log" >&2; die "initdb failed"; }
mv "$work/data/template" "$work/template"
export INITDB_TEMPLATE="$work/template"

(($#)) || set -- recovery subscription
failed=0 passed=0 skipped=0
run() { # directory of PostgreSQL's source, file
    local name began=$SECONDS code why
    name="$(basename "$1")/$(basename "$2" .pl)"
    TESTLOGDIR="$results/$name" TESTDATADIR="$work/data/t"
    rm -rf "$TESTLOGDIR" "$work/data"
    mkdir -p "$TESTDATADIR" "$TESTLOGDIR"
    owned "$work/data" "$work/portlock" "$results/$(basename "$1")"
    (cd "$1" && "${as[@]}" timeout -k 10 "${TAP_TIMEOUT:-600}" perl -I"$source_tree/src/test/perl" -I"$1/t" "${user[@]}" "$2") >"$TESTLOGDIR/output" 2>&1 </dev/null
    code=$?
    why="$(grep -E '^(not ok|Bail out!)|: (FATAL|could not|cannot)|timed out| line [0-9]+\.$' "$TESTLOGDIR/output" | head -n 1 | cut -c1-200)"
    if ((code == 0)) && grep -q '^1\.\.0 # SKIP' "$TESTLOGDIR/output"; then skipped=$((skipped + 1)); echo "$name: skipped:$(sed -nE 's/^1\.\.0 # SKIP(.*)/\1/p' "$TESTLOGDIR/output")"
    elif ((code == 0)); then passed=$((passed + 1)); echo "$name: $(grep -cE '^ok ' "$TESTLOGDIR/output") as expected, $((SECONDS - began)) s"
    else failed=$((failed + 1)); echo "$name: FAILED (exit code $code, $(grep -cE '^ok ' "$TESTLOGDIR/output") as expected, $(grep -cE '^not ok ' "$TESTLOGDIR/output") not) after $((SECONDS - began)) s: $why"
    fi
}
for what in "$@"; do
    prefix= directory="$what"
    if [[ ! -d "$source_tree/$what/t" && ! -d "$source_tree/src/test/$what/t" ]]; then prefix="${what##*/}" directory="${what%/*}"; fi
    [[ -d "$source_tree/$directory/t" ]] || directory="src/test/$directory"
    [[ -d "$source_tree/$directory/t" ]] || die "PostgreSQL has no TAP tests in $what"
    for file in "$source_tree/$directory/t/$prefix"*.pl; do
        [[ -f "$file" ]] || die "PostgreSQL has no TAP tests $what"
        run "$source_tree/$directory" "$file"
    done
done
echo "$passed files as expected, $failed not, $skipped skipped; logs in $results"
((failed == 0))
