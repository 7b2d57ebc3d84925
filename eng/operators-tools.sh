#!/usr/bin/env bash
# Installs what people put beside a PostgreSQL server - PgBouncer, postgres_exporter and Prometheus' own parser of metrics (for Python) - from Debian's packages
# into artifacts/operators-tools, for the tests. Nothing outside that folder changes and no rights are needed: apt runs with a private state, packages are unpacked with `dpkg-deb -x`, and
# the programs are given the C library and loader of their own suite.
#
#   eng/operators-tools.sh            install (a second run finds everything there and returns at once)
#   eng/operators-tools.sh --force    install again
#   eng/operators-tools.sh browser    Chromium too, 520 MB: the test of the admin page in it is skipped without
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

install_browser() { # of this machine's own suite, with whose C library it runs
    [[ -x "$target/bin/chromium" ]] && return
    local browser="$target/browser" started=$SECONDS
    suite="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")"
    [[ -n "$suite" ]] || die "this machine is no release of Debian: its suite has no Chromium"
    source "$repository/eng/debian.sh"
    rm -rf "$browser"
    debian_open "$browser/apt" "$suite"
    debian_apt install -s -y --no-install-recommends chromium fonts-dejavu-core 2>/dev/null | sed -nE 's/^Inst ([^ ]+).*/\1/p' | grep -E '^(lib|chromium|fonts-dejavu|zlib)' \
        | grep -vE '^(libc6|libperl|libpam|libsystemd-shared|libstdc|libgcc|libllvm|libLLVM|libgl1-mesa-dri)' >"$browser/apt/packages" || die "the suite $suite has no chromium"
    debian_download $(cat "$browser/apt/packages")
    for package in "$browser"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$browser/root"; done
    local libraries; libraries="$(find "$browser/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)"
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libraries" "$browser/root/usr/lib/chromium/chromium" >"$target/bin/chromium.new"
    chmod +x "$target/bin/chromium.new"
    rm -rf "$browser/apt" "$browser/root/usr/share/doc"
    "$target/bin/chromium.new" --version >/dev/null || die "chromium does not run"
    mv "$target/bin/chromium.new" "$target/bin/chromium"
    say "$("$target/bin/chromium" --version) in $target, $((SECONDS - started)) s"
}

# The loader's absolute path is written into the programs, so a moved folder is installed again.
stamp="$target $suite $(sha256sum "${BASH_SOURCE[0]}" | cut -d' ' -f1)"
if [[ "${1:-}" != --force && -f "$target/.stamp" && "$(cat "$target/.stamp")" == "$stamp" ]]; then
    [[ "${1:-}" != browser ]] || install_browser
    exit 0
fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || die "needs apt and dpkg (a Debian machine)"

started=$SECONDS
source "$repository/eng/debian.sh"
rm -rf "$target/.stamp" "$target/root" "$target/bin" "$target/apt" "$target/browser"
debian_open "$target/apt" "$suite"

# The libraries that the programs need, less what only maintainer scripts use.
debian_apt install -s -y --no-install-recommends pgbouncer prometheus-postgres-exporter python3-prometheus-client patchelf 2>/dev/null \
    | sed -nE 's/^Inst ([^ ]+).*/\1/p' | grep -E '^(lib|zlib|pgbouncer$|prometheus-postgres-exporter$|python3-prometheus-client$|python3-decorator$|patchelf$)' | grep -vE '^(libperl|libpam-modules|libsystemd-shared)' \
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
rm -rf "$target/python"
mv "$root/usr/lib/python3/dist-packages" "$target/python"
rm -rf "$target/apt" "$root/usr/share"

[[ -f "$target/python/prometheus_client/parser.py" ]] || die "no parser in python3-prometheus-client"
for program in pgbouncer postgres_exporter; do
    "$bin/$program" --version >/dev/null 2>&1 || die "$program does not run"
done
echo "$stamp" >"$target/.stamp"
say "$("$bin/pgbouncer" --version | head -n1), $("$bin/postgres_exporter" --version 2>&1 | head -n1 | cut -d' ' -f1-3) in $target, $(du -sh "$target" | cut -f1), $((SECONDS - started)) s"
[[ "${1:-}" != browser ]] || install_browser
