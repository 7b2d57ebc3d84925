#!/usr/bin/env bash
# Installs what people put beside a PostgreSQL server - PgBouncer and postgres_exporter - from Debian's packages into artifacts/operators-tools, for the
# tests. Nothing outside that folder changes and no rights are needed: apt runs with a private state, packages are unpacked with `dpkg-deb -x`, and
# the programs are given the C library and loader of their own suite.
#
#   eng/operators-tools.sh            install (a second run finds everything there and returns at once)
#   eng/operators-tools.sh --force    install again
#   POCKETGRES_OPERATORS_TOOLS_DIR    where to install (default: artifacts/operators-tools of this clone)
set -euo pipefail

suite=forky                       # as eng/pg18.sh
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
target="${POCKETGRES_OPERATORS_TOOLS_DIR:-$repository/artifacts/operators-tools}"

say() { echo "operators-tools: $*" >&2; }
die() { say "$*"; exit 1; }

mkdir -p "$target"
target="$(cd "$target" && pwd -P)"

# One installer at a time; a second one waits and then finds the work done.
exec 9>"$target/.lock"
flock 9

# The loader's absolute path is written into the programs, so a moved folder is installed again.
stamp="$target $suite $(sha256sum "${BASH_SOURCE[0]}" | cut -d' ' -f1)"
if [[ "${1:-}" != --force && -f "$target/.stamp" && "$(cat "$target/.stamp")" == "$stamp" ]]; then exit 0; fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || die "needs apt and dpkg (a Debian machine)"

started=$SECONDS
source "$repository/eng/debian.sh"
rm -rf "$target/.stamp" "$target/root" "$target/bin" "$target/apt"
debian_open "$target/apt" "$suite"

# The libraries that the programs need, less what only maintainer scripts use.
debian_apt install -s -y --no-install-recommends pgbouncer prometheus-postgres-exporter patchelf 2>/dev/null \
    | sed -nE 's/^Inst ([^ ]+).*/\1/p' | grep -E '^(lib|zlib|pgbouncer$|prometheus-postgres-exporter$|patchelf$)' | grep -vE '^(libperl|libpam-modules|libsystemd-shared)' \
    >"$target/apt/packages" || die "the suite $suite has no pgbouncer"
debian_download $(cat "$target/apt/packages")
root="$target/root"
for package in "$target"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done

loader="$(find "$root" -name 'ld-linux-*.so.*' | sort | head -n1)"
[[ -n "$loader" ]] || die "no loader among the packages"
libraries="$(find "$root" -name 'libc.so.6' -o -name 'libevent*.so*' | xargs -n1 dirname | sort -u | paste -sd:)"
bin="$target/bin"
mkdir -p "$bin"
adopt() { # installed path, name in bin: DT_RPATH (not RUNPATH) also serves the libraries of the libraries
    "$loader" --library-path "$libraries" "$root/usr/bin/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$root/$1" || die "cannot adapt $1"
    ln -sfn "../root/$1" "$bin/$2"
}
adopt usr/sbin/pgbouncer pgbouncer
adopt usr/bin/prometheus-postgres-exporter postgres_exporter
rm -rf "$target/apt" "$root/usr/share"

for program in pgbouncer postgres_exporter; do
    "$bin/$program" --version >/dev/null 2>&1 || die "$program does not run"
done
echo "$stamp" >"$target/.stamp"
say "$("$bin/pgbouncer" --version | head -n1), $("$bin/postgres_exporter" --version 2>&1 | head -n1 | cut -d' ' -f1-3) in $target, $(du -sh "$target" | cut -f1), $((SECONDS - started)) s"
