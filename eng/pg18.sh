#!/usr/bin/env bash
# Installs PostgreSQL 18's own programs (clients and server) from Debian's packages into artifacts/pg18, for the tests and the
# comparisons with native PostgreSQL. Nothing outside that folder changes: apt runs with a private state, the packages are unpacked with
# `dpkg -x`, and the programs are given the C library and loader of their own suite, so any Debian with apt will do.
#
#   eng/pg18.sh            install (a second run finds everything there and returns at once)
#   eng/pg18.sh --force    install again
#   POCKETGRES_PG18_DIR    where to install (default: artifacts/pg18 of this clone)
#
# Programs: $POCKETGRES_PG18_DIR/bin (psql, pgbench, pg_dump, ..., postgres, initdb, pg_ctl); the drivers of PostgreSQL's test suites (eng/regress.sh).
set -euo pipefail

suite=forky                       # the Debian suite that has PostgreSQL 18
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
target="${POCKETGRES_PG18_DIR:-$repository/artifacts/pg18}"

say() { echo "pg18: $*" >&2; }
die() { say "$*"; exit 1; }

mkdir -p "$target"
target="$(cd "$target" && pwd -P)"

# One installer at a time; a second one waits and then finds the work done.
exec 9>"$target/.lock"
flock 9

# The loader's absolute path is written into the programs, so a moved folder is installed again.
stamp="$target $suite $(sha256sum "${BASH_SOURCE[0]}" | cut -d' ' -f1)"
if [[ "${1:-}" != --force && -f "$target/.stamp" && "$(cat "$target/.stamp")" == "$stamp" ]]; then
    exit 0
fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || die "needs apt and dpkg (a Debian machine)"

started=$SECONDS
rm -rf "$target/.stamp" "$target/root" "$target/bin" "$target/apt"
apt="$target/apt"
mkdir -p "$apt/etc/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"                  # an empty package database: the closure is computed from nothing

# The mirror is the one this machine is set up with. indextargets needs no lists on newer apts; read the sources themselves otherwise.
mirror_of_sources() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -f "$file" ]] && sed -nE 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' "$file"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -f "$file" ]] && sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p' "$file"
    done
    return 0
}
mirrors="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null || true)
$(mirror_of_sources)"
mirror="$(grep -E '/debian/?$' <<<"$mirrors" | head -n1 || true)"
[[ -n "$mirror" ]] || die "no Debian mirror in this machine's apt configuration"

echo "deb [signed-by=$keyring] $mirror $suite main" >"$apt/etc/sources.list"
options=(-qq
    -o "Dir::Etc::sourcelist=$apt/etc/sources.list" -o "Dir::Etc::sourceparts=$apt/etc/parts"
    -o "Dir::Etc::preferencesparts=$apt/etc/parts" -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache"
    -o "Dir::State::status=$apt/status" -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root -o Debug::NoLocking=1)

run() { "$@" >"$apt/log" 2>&1 || { sed -E 's#[a-z]+://[^ /]*#…#g' "$apt/log" >&2; die "failed: $1 ${*: -1}"; }; }

run apt-get "${options[@]}" update
# Everything the server and client packages need, less what only their maintainer scripts use.
apt-get "${options[@]}" install -s -y --no-install-recommends "postgresql-18" "postgresql-client-18" patchelf 2>/dev/null \
    | sed -nE 's/^Inst ([^ ]+).*/\1/p' \
    | grep -E '^(lib|zlib|postgresql-(client-)?18$|patchelf$)' | grep -vE '^(libperl|libpam-modules|libsystemd-shared)' \
    >"$apt/packages" || die "the suite $suite has no postgresql-18"
(cd "$apt/cache/archives" && run xargs -a "$apt/packages" apt-get "${options[@]}" download)

for package in "$apt"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$target/root"
done

# Newer packages install under /usr only; older ones still have /lib. The loader and the libraries are looked for in both.
root="$target/root"
loader="$(find "$root" -name 'ld-linux-*.so.*' | sort | head -n1)"
[[ -n "$loader" ]] || die "no loader among the packages"
libraries="$(find "$root" -name 'libc.so.6' -o -name 'libpq.so.5' | xargs -n1 dirname | sort -u | paste -sd:)"
programs="$root/usr/lib/postgresql/18/bin"
patch() { "$loader" --library-path "$libraries" "$root/usr/bin/patchelf" "$@"; }

# DT_RPATH (not RUNPATH) also serves the libraries of the libraries and the server's loadable modules.
for program in "$programs"/* "$root"/usr/lib/postgresql/18/lib/pgxs/src/test/{regress,isolation}/*; do
    if [[ "$(head -c4 "$program" | tr -d '\0')" == $'\x7fELF' ]]; then
        patch --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$program"
    fi
done
ln -sfn "root/usr/lib/postgresql/18/bin" "$target/bin"
rm -rf "$apt" "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale" "$root/usr/share/postgresql/18/man" \
    "$root/usr/lib/postgresql/18/lib/bitcode"

for program in psql pgbench pg_dump pg_restore pg_dumpall pg_basebackup pg_receivewal pg_recvlogical pg_verifybackup pg_amcheck pg_isready \
    postgres initdb pg_ctl; do
    "$target/bin/$program" --version >/dev/null || die "$program does not run"
done
echo "$stamp" >"$target/.stamp"
say "$("$target/bin/psql" --version) in $target, $(du -sh "$target" | cut -f1), $((SECONDS - started)) s"
