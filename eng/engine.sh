#!/usr/bin/env bash
# Builds PostgreSQL from its source for wasm64, with all of contrib, the test modules and PostgreSQL's programs, into artifacts/pg/KEY;
# KEY names the content: source, port, compiler and flags. A second run with the same inputs returns at once; after a change make
# compiles what the change concerns; an interrupted run is continued by the next one.
#
#   eng/engine.sh               build; prints the folder
#   eng/engine.sh --first       build only what a first server needs - the server, its own libraries, initdb and psql - into artifacts/pg/first-KEY; the
#                               folder with everything, if it is there already. A run without it goes on from there
#   eng/engine.sh --count       the same without a profile, with a server that counts its branches, for eng/profile.sh; into artifacts/pg/counting-KEY
#   eng/engine.sh --key         print only the key
#   eng/engine.sh --inputs      print a hash of this script and what it pins; needs no compiler and no network
#   POCKETGRES_SOURCES          a folder with the sources' archives (looked in first; default: artifacts/download/sources)
#   POCKETGRES_SOURCES_MIRROR   the address of a mirror with postgresql.org's layout (ADDRESS/source/v18.6/postgresql-18.6.tar.bz2),
#                               asked when Debian's pool does not have PostgreSQL's archive
#   POCKETGRES_EXTENSIONS       extensions to build beside the enabled ones of eng/engine/extensions, by name; from the folder
#                               POCKETGRES_SOURCES/NAME if there is one
#   POCKETGRES_JOBS             compilers at once (default: one a core)
#   POCKETGRES_ENGINE_DIR       where the build tree and the results are (default: artifacts/pg)
# and the variables of eng/toolchain.sh.
set -euo pipefail

prefix=/pocketgres                # where the kernel mounts the engine; PostgreSQL finds its files relative to its program
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
port="$repository/eng/engine"
base="${POCKETGRES_ENGINE_DIR:-$repository/artifacts/pg}"
downloads="$repository/artifacts/download/sources"
jobs="${POCKETGRES_JOBS:-$(nproc)}"
export LC_ALL=C
# Equal inputs are equal bytes, wherever and whenever they are built: no paths (below), dates or orders of a hash get into what is made.
export SOURCE_DATE_EPOCH=315532800 PERL_HASH_SEED=0

say() { echo "engine: $*" >&2; }
die() { say "$*"; exit 1; }
log=/dev/null
free_space() { df -Pk "$base" | awk 'NR == 2 { print int($4 / 1024) }'; } # MB
# The first error of a step's log in one line. On a full disk the log has no room for it either.
failed() {
    local why; why="$(grep -m1 -E 'No space left|error:|undefined symbol|\*\*\*|Error ' "$log" | cut -c1-300 || true)"
    [[ "$why" == *'No space left'* || "$(free_space)" == 0 ]] && die "the disk is full; free some space and run again, the build goes on where it stopped"
    die "$1 failed: ${why:-no message} (all of it: $log)"
}

inputs="$(cd "$port" && { for file in $(find . -type f | sort); do echo "$file"; cat "$file"; done; cat "$repository/eng/engine.sh"; } | sha256sum | cut -c1-16)"
if [[ "${1:-}" == --inputs ]]; then echo "$inputs"; exit 0; fi
first= counting=
case "${1:-}" in --first) first=1 ;; --count) first=1 counting=1 ;; esac
mkdir -p "$base" "$downloads" || die "cannot make the folder $base"
base="$(cd "$base" && pwd -P)"
exec 8>"$base/.lock"
flock 8                           # one build at a time; a second one waits and then finds the work done

# ---- sources and compiler ----

source "$port/fetch.sh"
# The compiler, and beside it, if it has to be installed, the sources: both wait for the network. What is wrong with a source, its own step says.
prefetch() { local name; while read -r name _; do (fetch "$name") >/dev/null 2>&1 || true; done < <(grep -vE '^(#|$)' "$port/sources"; [[ -n "$first" ]] || grep -E ' enabled$' "$port/extensions"); }
if [[ "${POCKETGRES_TOOLCHAIN:-}" != path ]] && ! "$repository/eng/toolchain.sh" --print >/dev/null 2>&1; then prefetch 8>&- & prefetching=$!; fi
if ! "$repository/eng/toolchain.sh" 8>&-; then [[ -z "${prefetching:-}" ]] || kill "$prefetching" 2>/dev/null || true; exit 1; fi
[[ -z "${prefetching:-}" ]] || wait "$prefetching"
eval "$("$repository/eng/toolchain.sh" --print)"
PATH="$port:${TOOLCHAIN_BIN:+$TOOLCHAIN_BIN:}$PATH" # with $port the compiler has a name without a path, which pg_config tells
export PATH

fetch postgresql
postgresql_archive="$archive" postgresql_version="$version"
requested() { [[ " ${POCKETGRES_EXTENSIONS:-} " == *" $1 "* ]]; }
extension_folder() { requested "$1" && [[ -d "${POCKETGRES_SOURCES:-}/$1" ]] && echo "$POCKETGRES_SOURCES/$1"; }
requested_sources() { # what the key depends on
    local name folder
    for name in ${POCKETGRES_EXTENSIONS:-}; do
        source_line "$name" >/dev/null
        echo "$name"
        if folder="$(extension_folder "$name")"; then (cd "$folder" && find . -type f -not -path './.git/*' -print0 | sort -z | xargs -0r sha256sum); fi
    done
}
key="$({ sha256sum <"$postgresql_archive"; echo "$TOOLCHAIN_ID $prefix"; requested_sources; echo "$inputs"; } \
    | sha256sum | cut -c1-16)"
if [[ "${1:-}" == --key ]]; then echo "$key"; exit 0; fi
target="$base/$key"
left_out() { # what .complete says
    [[ ! -s "$target/.complete" ]] || say "warning: without $(paste -sd' ' "$target/.complete"), whose archives could not be had when $target was built; remove it to try again"
}
if [[ -z "$counting" && -f "$target/.complete" ]]; then left_out; echo "$target"; exit 0; fi
[[ -z "$first" ]] || target="$base/first-$key"
[[ -z "$counting" ]] || target="$base/counting-$key"
if [[ -f "$target/.complete" ]]; then echo "$target"; exit 0; fi

free=$(free_space)
((free >= 2000)) || die "$free MB free in $base, needed are 2000; free some space or set POCKETGRES_ENGINE_DIR"
started=$SECONDS
say "building PostgreSQL $postgresql_version with $TOOLCHAIN_ID (log: $base/build/log)"
mkdir -p "$base/build/log"
# A run that did not come to its end may have left a file half written, which make takes for good: what the last moments wrote is made again, and so is what was made of it.
if [[ -f "$base/build/.running" ]]; then
    say "going on where the last run was ended"
    newest="$(find "$base/build" -type f ! -path "$base/build/log/*" ! -name .running -printf '%T@\n' | sort -n | tail -n1)"
    [[ -z "$newest" ]] || find "$base/build" -type f ! -path "$base/build/log/*" -newermt "@$(awk -v t="$newest" 'BEGIN { printf "%.3f", t - 5 }')" -delete
fi
touch "$base/build/.running"

processor_time() { awk '{ printf "%d", ($16 + $17) / 100 }' "/proc/$1/stat"; } # seconds of a shell's processes that have ended (proc(5), in ticks)
step() { # description, command...: silent, with the time it took; the log has what it said
    local what="$1" began=$SECONDS self=$BASHPID used; used="$(processor_time "$self")"; shift
    log="$base/build/log/${what//[^a-z0-9]/-}"
    local status=0
    set +e                        # within a condition the subshell's own -e would not count
    (set -e; "$@") >"$log" 2>&1 8>&-
    status=$?
    set -e
    ((status == 0)) || failed "$what"
    say "$what: $((SECONDS - began)) s, $(($(processor_time "$self") - used)) s of processor time"
}

# ---- C library ----

# Everything below depends on the compiler, on these files and on the options that this one gives it: if they change, all is compiled again.
stamp="$TOOLCHAIN_ID $({ cat "$port"/{libc.mk,buffers.h,sysroot.sh,paths.sh,wasm-cc,port.h,facts,noinline}; [[ -n "$counting" ]] || cat "$port/profile"; grep -hE "COPT|cflags|CFLAGS" "$repository/eng/engine.sh" "$port/rest.sh"; } | sha256sum) $counting"
if [[ "$(cat "$base/build/.stamp" 2>/dev/null)" != "$stamp" ]]; then
    rm -rf "$base/build/sysroot" "$base/build/postgresql" "$base/build/openssl"
    echo "$stamp" >"$base/build/.stamp"
fi
export POCKET_SYSROOT="$base/build/sysroot"
source "$port/paths.sh"
pocket_paths
mkdir -p "$POCKET_SYSROOT"
cflags=(--target=wasm64-unknown-emscripten "--sysroot=$POCKET_SYSROOT" -matomics -mbulk-memory -mllvm -enable-emscripten-sjlj -D_LARGEFILE64_SOURCE $POCKET_PATHS)
c_library() {
    [[ -f "$POCKET_SYSROOT/include/emscripten/version.h" ]] || bash "$port/sysroot.sh" "$TOOLCHAIN_SYSTEM" "$POCKET_SYSROOT" "${TOOLCHAIN_ID##* }"
    cmp -s "$port/port.h" "$POCKET_SYSROOT/include/pocketgres.h" || cp "$port/port.h" "$POCKET_SYSROOT/include/pocketgres.h"
    make -s -j"$jobs" -f "$port/libc.mk" CC=clang AR=llvm-ar PORT="$port" SYSTEM="$TOOLCHAIN_SYSTEM" OUT="$POCKET_SYSROOT" TARGET="${cflags[*]}"
    [[ "$POCKET_SYSROOT/port.o" -nt "$port/port.c" ]] || clang "${cflags[@]}" -O2 -c "$port/port.c" -o "$POCKET_SYSROOT/port.o"
    # What the library leaves undefined, a program may import from the host; nothing else.
    llvm-nm -A "$POCKET_SYSROOT/libc.a" "$POCKET_SYSROOT/port.o" 2>/dev/null | awk '
        NF > 2 { if ($(NF-1) ~ /^[Uwv]$/) undefined[$NF]; else defined[$NF] }
        END { for (s in undefined) if (!(s in defined)) print s; print "getaddrinfo"; print "__assert_fail" }' \
        | grep -vE '^sys_|^__(start|stop)___llvm|^__(dso_handle|heap_base|fini_array)' | sort -u >"$POCKET_SYSROOT/imports"
}
step "C library" c_library

# ---- libraries ----

unpack zlib; library_sources=("ZLIB=$unpacked")
unpack lz4; library_sources+=("LZ4=$unpacked")
unpack zstd; library_sources+=("ZSTD=$unpacked")
unpack icu; library_sources+=("ICU=$unpacked")
unpack libxml2; library_sources+=("XML=$unpacked" "XML_VERSION=$version")
unpack libxslt; library_sources+=("XSLT=$unpacked" "XSLT_VERSION=$version")
libraries() { # targets of libraries.mk
    make -s -j"$jobs" -f "$port/libraries.mk" CC=wasm-cc CXX=wasm-c++ AR=llvm-ar LD="wasm-ld -mwasm64" OUT="$POCKET_SYSROOT" \
        PORT="$port" SYSTEM="$TOOLCHAIN_SYSTEM" ICU_DATA_DIR="$prefix/icu" "${library_sources[@]}" "$@"
}
step "libraries" libraries first
# Beside configure, which keeps one core busy and does not look for it. Whatever becomes of this script, it holds the lock until it has ended.
step "ICU" libraries icu &
icu_step=$!

# ---- PostgreSQL ----

unpack postgresql; source_tree="$unpacked"
build="$base/build/postgresql"

# Answers that configure cannot find out by compiling, and functions of the C library that the kernel does not have
answers=(
    ac_cv_func_strerror_r=yes pgac_cv_func_strerror_r_int=yes   # POSIX' form
    ac_cv_file__dev_urandom=yes                                 # cross-compiling: not looked for
    ac_cv_func_posix_fallocate=yes
    ac_cv_func_getpeereid=no                                    # the host's sockets say who the peer is only to SO_PEERCRED
    ac_cv_func_syncfs=no ac_cv_func_sync_file_range=no          # not system calls of the kernel
    ac_cv_header_sys_epoll_h=no ac_cv_header_sys_signalfd_h=no  # headers without functions; poll(2) and a pipe serve latches
    ac_cv_func_memset_explicit=no
)
configuration=(--host=wasm64-unknown-emscripten --build=x86_64-pc-linux-gnu --with-template=linux "--prefix=$prefix"
    CC=wasm-cc CXX=wasm-c++ AR=llvm-ar RANLIB=llvm-ranlib STRIP=llvm-strip CFLAGS=-O2
    "CPPFLAGS=-DWAIT_USE_POLL -include pocketgres.h" ZIC=zic --enable-depend
    --with-zlib --with-lz4 --with-zstd --with-uuid=e2fs --with-icu --with-libxml --without-readline --disable-nls --disable-rpath
    "LZ4_CFLAGS= " LZ4_LIBS=-llz4 "ZSTD_CFLAGS= " ZSTD_LIBS=-lzstd "ICU_CFLAGS= " "ICU_LIBS=-licui18n -licuuc -licudata -lcxx"
    "XML2_CFLAGS= " XML2_LIBS=-lxml2 "${answers[@]}")
configure() {
    rm -rf "$build"
    mkdir -p "$build"
    (cd "$build" && "$source_tree/configure" "${configuration[@]}")
    echo "$configured" >"$build/.configured"
}
configured="$source_tree $(printf '%s ' "${configuration[@]}")"
if [[ "$(cat "$build/.configured" 2>/dev/null)" != "$configured" ]]; then step "configure" configure; fi

m() { make -s -j"$jobs" -C "$build/$1" "${@:2}"; }
export POCKET_BUILD="$build"
# How often which branch of the server is taken (eng/profile.sh): what is called often is inlined, what is rare is not. Of a function that was changed since, the compiler takes no notice.
count() {
    wasm-cc -O2 -c "$port/profile.c" -o "$build/profile.o"
    rm -f "$build/src/backend/postgres"
}
profile() {
    grep -v '^#' "$port/profile" | awk '{ print $1; print $2; print NF - 2; for (i = 3; i <= NF; i++) print $i; print "" }' >"$build/profile.txt"
    llvm-profdata merge "$build/profile.txt" -o "$build/profile.data"
}
if [[ -n "$counting" ]]; then
    step "counters" count
    export POCKET_PROFILE="-fprofile-instr-generate -mllvm -enable-name-compression=false"
else
    [[ "$build/profile.data" -nt "$port/profile" ]] || step "profile" profile
    export POCKET_PROFILE="-fprofile-instr-use=$build/profile.data -Wno-profile-instr-out-of-date -Wno-profile-instr-unprofiled"
fi
debug="$(sed -nE 's|^src/.*/||p' "$port/facts" | paste -sd' ')" # files that the host must know the layouts of
common() {
    m src/backend generated-headers
    m src/port
    POCKET_DEBUG="$debug" m src/common
    m src/timezone
    m src/interfaces/libpq all-static-lib
    m src/fe_utils
}
step "common parts" common
wait "$icu_step" || exit 1

# make does not know that programs contain the C library.
relink() { find "$build/src/backend/postgres" "$build/src/bin" -maxdepth 2 -type f -executable ! -newer "$1" -delete 2>/dev/null || true; }
for file in "$POCKET_SYSROOT"/*.a "$POCKET_SYSROOT/port.o"; do relink "$file"; done

# TLS is the host's, by tls.c: USE_SSL without a library, in the server only.
make_server() { POCKET_DEBUG="$debug" POCKET_WHOLE_LIBC=1 POCKET_LINK="$build/server.o $build/tls.o ${counting:+$build/profile.o --wrap=InitPostmasterChild} --export-all --wrap=postmaster_child_launch --wrap=InitCatalogCache --wrap=setitimer" m src/backend COPT=-DUSE_SSL "$@"; }
# make takes a file of the build tree before one of the source. Of nodeHash.c all lines must change or none: one would clear more than another allocates.
changed() { # file under src, lines of it that hashjoin.sed changes
    local copy="$build/src/$1" lines
    sed -f "$port/hashjoin.sed" "$source_tree/src/$1" >"$copy.new"
    lines="$(diff "$source_tree/src/$1" "$copy.new" | grep -c '^>' || true)"
    if [[ "$lines" != "$2" ]]; then echo "hashjoin.sed changes $lines lines of src/$1 instead of $2"; rm "$copy.new"; return 1; fi
    if cmp -s "$copy.new" "$copy"; then rm "$copy.new"; else mv "$copy.new" "$copy"; fi
}
hash_joins() {
    local executor="$build/src/backend/executor"
    if ! changed include/executor/hashjoin.h 1 || ! changed backend/executor/nodeHash.c 9; then # a later minor release
        rm -f "$build/src/include/executor/hashjoin.h" "$executor"/nodeHash.{c,o} "$executor/nodeHashjoin.o"
    fi
    find "$executor" -name 'nodeHash*.o' ! -newer "$port/hashtuple.h" -delete
    # A bucket becomes a pointer and the other way round; a changed source with an unchanged header, or the reverse, is an error.
    POCKET_DEBUG="$debug" m src/backend/executor nodeHash.o nodeHashjoin.o "COPT=-DUSE_SSL -Wno-int-conversion -Werror=incompatible-pointer-types -include $port/hashtuple.h"
}
server() {
    if [[ ! "$build/server.o" -nt "$port/server.c" || ! "$build/server.o" -nt "$port/statements.h" ]]; then
        # In a folder of the build, whose name debugging information has
        cd "$build"
        wasm-cc -O2 -g -I"$port" -I"$build/src/include" -I"$source_tree/src/include" -c "$port/server.c" -o "$build/server.o"
        rm -f "$build/src/backend/postgres"
    fi
    if [[ ! "$build/tls.o" -nt "$port/tls.c" ]]; then
        cd "$build"
        wasm-cc -O2 -g -DUSE_SSL -I"$build/src/include" -I"$source_tree/src/include" -c "$port/tls.c" -o "$build/tls.o"
        rm -f "$build/src/backend/postgres"
    fi
    [[ "$build/src/backend/tcop/postgres.o" -nt "$port/statements.h" ]] || rm -f "$build/src/backend/tcop/postgres.o"
    POCKET_DEBUG="$debug" m src/backend/tcop postgres.o "COPT=-DUSE_SSL -DSTATEMENT_CALLS -include $port/statements.h"
    hash_joins
    make_server
}
step "server" server
[[ -f "$build/src/backend/executor/nodeHash.c" ]] || say "warning: eng/engine/hashjoin.sed was written for another minor release: hash joins are slower (log: $base/build/log/server)"
modules=(src/pl/plpgsql/src src/backend/snowball src/backend/replication/libpqwalreceiver src/backend/replication/pgoutput
    src/backend/utils/mb/conversion_procs contrib/test_decoding)
# Those with libraries of their own contain them: libpq with what it needs of PostgreSQL's client code, libcrypto, libxslt (libxml2 is the server's).
make_module() {
    local archive
    case "$1" in contrib/pgcrypto) archive="$base/build/openssl/libcrypto.a" ;; contrib/xml2) archive="$POCKET_SYSROOT/libxslt.a" ;; *) archive= ;; esac
    [[ -z "$archive" ]] || find "$build/$1" -maxdepth 1 -name '*.so' ! -newer "$archive" -delete
    case "$1" in
        */libpqwalreceiver | contrib/dblink | contrib/postgres_fdw) m "$@" 'SHLIB_LINK_INTERNAL=$(libpq) -lpgcommon_shlib -lpgport_shlib' ;;
        contrib/pgcrypto) m "$@" "COPT=-I$base/build/openssl/include -I$openssl_source/include" "SHLIB_LINK=$archive -lz" ;;
        contrib/xml2) m "$@" COPT=-DUSE_LIBXSLT SHLIB_LINK=-lxslt ;;
        *) m "$@" ;;
    esac
}
side_modules() { local d; for d; do make_module "$d"; done; }
step "libraries of the server" side_modules "${modules[@]}"
programs=(initdb psql)
# PostgreSQL links its own programs to libpq.so; here they contain libpq's archive.
make_program() { m "$@" "LDFLAGS_EX=$build/libprograms.a"; }
make_programs() {
    local d
    for d; do
        find "$build/src/bin/$d" -maxdepth 1 -type f -executable ! -newer "$port/programs.c" -delete 2>/dev/null || true
        make_program "src/bin/$d"
    done
}
program_parts() {
    local d
    for d in encodings programs; do wasm-cc -O2 -c "$port/$d.c" -o "$build/$d.o"; done
    llvm-ar rcs "$build/libprograms.a" "$build/encodings.o" "$build/programs.o"
    make_programs "${programs[@]}"
}
step "initdb and psql" program_parts
missing=()
[[ -n "$first" ]] || source "$port/rest.sh"

# ---- result ----

stage="$base/.$key"
install_all() {
    local d
    rm -rf "$stage"
    mkdir -p "$stage/debug"
    make_server install "DESTDIR=$stage/root"
    for d in src/include src/timezone "${modules[@]}"; do
        make_module "$d" install "DESTDIR=$stage/root"
    done
    for d in "${programs[@]}"; do
        make_program "src/bin/$d" install "DESTDIR=$stage/root"
    done
    mv "$stage/root$prefix"/* "$stage/"
    cp -r "$POCKET_SYSROOT/icu" "$stage/icu"
    [[ -n "$first" ]] || cp -r "$extensions/out/." "$stage/"
    rm -rf "$stage/root" "$stage/include" "$stage/lib"/*.a "$stage/lib/postgresql/pgxs"
    [[ -n "$first" ]] || install_tests
    # Names of functions stay (name section); DWARF is kept beside, of the server only.
    mv "$stage/bin/postgres" "$stage/debug/postgres"
    llvm-strip -g "$stage/debug/postgres" -o "$stage/bin/postgres"
    for d in "$stage"/bin/* "$stage"/lib/postgresql/*.so "$stage"/test/*.so; do
        [[ ! -f "$d" || "$(head -c4 "$d" | tr -d '\0')" != asm ]] || llvm-strip -g "$d"
    done
    printf '%s\n' "PostgreSQL $postgresql_version" "$TOOLCHAIN_ID" "key $key" "inputs $inputs" >"$stage/VERSION"
    cp "$source_tree/COPYRIGHT" "$stage/COPYRIGHT"
    [[ -z "$first" ]] || touch "$stage/.first"
    printf '%s\n' "${missing[@]}" | sed '/^$/d' >"$stage/.complete"
    rm -rf "$base"/first-* "$target"
    mv "$stage" "$target"
    rm "$base/build/.running"
}
step "install" install_all
left_out
say "$target, $(du -sh "$target" | cut -f1), $((SECONDS - started)) s"
echo "$target"
