#!/usr/bin/env bash
# Installs what compiles PostgreSQL to WebAssembly - clang, wasm-ld, LLVM's tools, emscripten's C library as source, make, bison, flex, perl, zic -
# from Debian's packages into artifacts/toolchain. Nothing outside that folder changes and no rights are needed: apt runs with a private
# state, packages are unpacked with `dpkg-deb -x`, and programs are given the C library and loader of their own suite.
#
#   eng/toolchain.sh            install (a second run finds everything there and returns at once)
#   eng/toolchain.sh --force    install again
#   eng/toolchain.sh --print    only print what is used, as shell assignments; fails if nothing is installed
#   POCKETGRES_TOOLCHAIN_SUITE  the Debian suite (default: trixie; forky is proven too)
#   POCKETGRES_TOOLCHAIN_DIR    where to install (default: artifacts/toolchain/SUITE of this clone)
#   POCKETGRES_TOOLCHAIN=path   take clang, wasm-ld and llvm-* of at least version 19, make, bison, flex and perl from the PATH, and
#                               emscripten's sources from EMSCRIPTEN_ROOT (default: beside `emcc`, or /usr/share/emscripten)
set -euo pipefail

suite="${POCKETGRES_TOOLCHAIN_SUITE:-trixie}"
case "$suite" in
    trixie) llvm=19 ;;
    forky) llvm=21 ;;
    *) echo "toolchain: POCKETGRES_TOOLCHAIN_SUITE is '$suite'; known are trixie and forky" >&2; exit 1 ;;
esac
oldest=19                         # the first clang whose lld links side modules of 64-bit addresses
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
target="${POCKETGRES_TOOLCHAIN_DIR:-$repository/artifacts/toolchain/$suite}"

say() { echo "toolchain: $*" >&2; }
die() { say "$*"; exit 1; }

print() { # bin directory, emscripten's "system" directory, identity
    printf 'TOOLCHAIN_BIN=%q\nTOOLCHAIN_SYSTEM=%q\nTOOLCHAIN_ID=%q\n' "$1" "$2" "$3"
}

if [[ "${POCKETGRES_TOOLCHAIN:-}" == path ]]; then
    for tool in clang clang++ wasm-ld llvm-ar llvm-ranlib llvm-nm llvm-profdata make bison flex perl bzip2 zic; do
        command -v "$tool" >/dev/null || die "POCKETGRES_TOOLCHAIN=path, but $tool is not on the PATH; install it or unset the variable"
    done
    version="$(clang -dumpversion)"
    ((${version%%.*} >= oldest)) || die "clang on the PATH is $version, needed is $oldest or newer; unset POCKETGRES_TOOLCHAIN to have one installed"
    clang --print-targets 2>/dev/null | grep -q wasm64 || die "clang on the PATH has no wasm64 target; unset POCKETGRES_TOOLCHAIN to have one installed"
    emscripten="${EMSCRIPTEN_ROOT:-}"
    [[ -n "$emscripten" ]] || { emcc="$(command -v emcc || true)"; emscripten="$(dirname "$(readlink -f "${emcc:-/usr/share/emscripten/emcc}")")"; }
    [[ -f "$emscripten/system/lib/libc/musl/src/string/strlen.c" ]] || die "no sources of emscripten's C library in '$emscripten'; set EMSCRIPTEN_ROOT"
    [[ "${1:-}" == --print ]] && print "" "$emscripten/system" "clang $version, emscripten $(tr -d '"' <"$emscripten/emscripten-version.txt")"
    exit 0
fi

mkdir -p "$target" || die "cannot make the folder $target"
target="$(cd "$target" && pwd -P)"

# One installer at a time; a second one waits and then finds the work done.
exec 9>"$target/.lock"
flock 9

# The loader's absolute path is written into the programs, so a moved folder is installed again.
stamp="$target $suite $(sha256sum "${BASH_SOURCE[0]}" | cut -d' ' -f1)"
installed=; [[ -f "$target/.stamp" && "$(head -n1 "$target/.stamp")" == "$stamp" ]] && installed=1
if [[ "${1:-}" == --print ]]; then
    [[ -n "$installed" ]] || die "not installed in $target; run eng/toolchain.sh"
    print "$target/bin" "$target/root/usr/share/emscripten/system" "$(tail -n1 "$target/.stamp")"
    exit 0
fi
[[ "${1:-}" != --force && -n "$installed" ]] && exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null \
    || die "needs apt and dpkg (a Debian machine), or POCKETGRES_TOOLCHAIN=path with clang $oldest and emscripten on the PATH"

started=$SECONDS
free=$(df -Pk "$target" | awk 'NR == 2 { print int($4 / 1024) }')
((free >= 1500)) || die "$free MB free in $target, needed are 1500; free some space or set POCKETGRES_TOOLCHAIN_DIR"
source "$repository/eng/debian.sh"
rm -rf "$target/.stamp" "$target/root" "$target/bin"
debian_open "$target/apt" "$suite"
debian_need_lists

say "installing clang-$llvm and emscripten's C library of Debian $suite into $target"
# All that the programs need, less compilers for this machine and what only debuggers, profilers and maintainer scripts use.
debian_apt install -s -y --no-install-recommends "clang-$llvm" "lld-$llvm" "llvm-$llvm" libc-bin make bison flex m4 patchelf perl bzip2 2>/dev/null \
    | sed -nE 's/^Inst ([^ ]+).*/\1/p' \
    | grep -vE '^(debconf|binutils.*|lib(binutils|gprofng|ctf|jansson|sframe|objc|gcc-[0-9]+-dev|stdc\+\+-[0-9]+-dev|c-dev|c6-dev|crypt-dev|gc1|asan|lsan|tsan|hwasan|ubsan|itm|quadmath|pam).*|linux-libc-dev|rpcsvc-proto|gcc-.*-base)$' \
    >"$target/apt/packages" || die "the suite $suite has no clang-$llvm"
echo emscripten >>"$target/apt/packages"
debian_download $(cat "$target/apt/packages")

root="$target/root"
mkdir -p "$root"
# Older packages have /lib beside /usr/lib; the loader is looked for in both. One after another: emscripten's takes as long as all others.
for package in "$target"/apt/cache/archives/*.deb; do
    : >"$target/apt/log"
    dpkg-deb --fsys-tarfile "$package" 2>>"$target/apt/log" | tar -x -C "$root" --exclude='./usr/share/doc*' --exclude='./usr/share/man*' \
        --exclude='./usr/share/locale*' --exclude='*.a' --exclude='./usr/share/emscripten/test*' 2>>"$target/apt/log" && continue
    if grep -q 'No space left' "$target/apt/log"; then die "the disk is full; free some space and run again"; fi
    die "cannot unpack $(basename "$package"): $(head -n1 "$target/apt/log")"
done

loader="$(find "$root" -name 'ld-linux-x86-64.so.2' -type f | head -n1)"
[[ -n "$loader" ]] || die "no loader among the packages"
libraries="$(find "$root" \( -name 'libc.so.6' -o -name 'libLLVM*.so*' -o -name 'libclang-cpp.so*' -o -name 'libstdc++.so.6' -o -name 'libz.so.1' \) -printf '%h\n' \
    | sort -u | paste -sd:)"
patchelf() { "$loader" --library-path "$libraries" "$root/usr/bin/patchelf" "$@"; }
bin="$target/bin"
mkdir -p "$bin"
adopt() { # installed path, name in bin: a copy with the loader and the libraries of its suite
    local from; from="$(readlink -f "$1")"
    [[ -f "$from" ]] || die "no ${1#"$root"} among the packages"
    patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$from" 2>/dev/null || die "cannot adapt ${1#"$root"}"
    ln -sfn "$from" "$bin/$2"
}
# A library with a RUNPATH of its own does not look where its program says.
for library in $(find "$root" -type f \( -name 'libLLVM*.so*' -o -name 'libclang-cpp.so*' \)); do
    patchelf --force-rpath --set-rpath "$libraries" "$library" 2>/dev/null || die "cannot adapt ${library#"$root"}"
done
programs="$root/usr/lib/llvm-$llvm/bin"
for tool in clang clang++ wasm-ld llvm-ar llvm-ranlib llvm-nm llvm-strip llvm-objdump llvm-dwarfdump llvm-profdata; do adopt "$programs/$tool" "$tool"; done
for tool in make bison flex m4 perl bzip2; do adopt "$root/usr/bin/$tool" "$tool"; done
adopt "$root/usr/sbin/zic" zic
# bison, flex and perl have the paths of their data and helpers compiled in.
wrap() { local real; real="$(readlink -f "$bin/$1")"; rm -f "$bin/$1"; printf '#!/bin/sh\n%s exec "%s" "$@"\n' "$2" "$real" >"$bin/$1"; chmod +x "$bin/$1"; }
wrap bison "M4='$bin/m4' BISON_PKGDATADIR='$root/usr/share/bison'"
wrap flex "M4='$bin/m4'"
perl5="$(find "$root/usr/share/perl" "$root/usr/lib/x86_64-linux-gnu/perl" "$root/usr/lib/x86_64-linux-gnu/perl-base" -maxdepth 1 -type d | paste -sd:)"
wrap perl "PERL5LIB='$perl5'"

id="clang $("$bin/clang" -dumpversion), emscripten $(sed -nE 's/^.*emscripten_([^_]+)_.*$/\1/p' <<<"$(ls "$target"/apt/cache/archives)")"
for tool in clang wasm-ld llvm-ar make bison flex perl bzip2; do
    "$bin/$tool" --version </dev/null >/dev/null 2>&1 || die "$tool does not run after it was unpacked"
done
rm -rf "$target/apt"
printf '%s\n%s\n' "$stamp" "$id" >"$target/.stamp"
say "$id in $target, $(du -sh "$target" | cut -f1), $((SECONDS - started)) s"
