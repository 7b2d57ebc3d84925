# Sourced by engine.sh after what a first server needs: contrib, all other programs, test modules, extensions.

# ---- libcrypto, libxslt ----

# For pgcrypto: digests, ciphers and large numbers, without what needs a network, a file, a thread or public keys other than pgcrypto's own.
unpack openssl --exclude='*/test/recipes' --exclude='*/test/*-data'
openssl_source="$unpacked"
openssl_options=(linux-generic64 PERL=perl CC=wasm-cc AR=llvm-ar RANLIB=llvm-ranlib --with-rand-seed=getrandom
    no-{apps,argon2,asm,async,autoload-config,cms,comp,cmp,ct,dh,docs,dsa,dso,dtls,ec,engine,err,filenames,legacy,ml-dsa,ml-kem,module,ocsp,psk,quic}
    no-{scrypt,shared,siphash,slh-dsa,sock,srp,ssl-trace,stdio,tests,threads,tls,ts,ui-console})
# wasm-cc defines _GNU_SOURCE, by which OpenSSL expects another strerror_r than musl's. As on WASI random numbers come from getentropy: it finds neither ELF's weak symbols nor Linux' system call.
openssl_cflags="-O2 -w -fvisibility=hidden -U_GNU_SOURCE -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L -D__wasi__"
libcrypto() {
    local out="$base/build/openssl" configured="$openssl_source ${openssl_options[*]} $openssl_cflags"
    if [[ "$(cat "$out/.configured" 2>/dev/null)" != "$configured" ]]; then
        rm -rf "$out"
        mkdir -p "$out"
        (cd "$out" && perl "$openssl_source/Configure" "${openssl_options[@]}" && make -s build_generated "CFLAGS=$openssl_cflags")
        echo "$configured" >"$out/.configured"
    fi
    make -s -j"$jobs" -C "$out" libcrypto.a "CFLAGS=$openssl_cflags"
}
# Beside what follows, of which much keeps one core busy. Whatever becomes of this script, it holds the lock until it has ended.
step "libcrypto" libcrypto &
libcrypto_step=$!

step "libxslt" libraries all

# ---- contrib, programs, test modules ----

contrib=(amcheck auth_delay auto_explain basebackup_to_shell basic_archive bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn
    earthdistance file_fdw fuzzystrmatch hstore intagg intarray isn lo ltree pageinspect passwordcheck pg_buffercache pg_freespacemap
    pg_logicalinspect pg_overexplain pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks
    pgstattuple postgres_fdw seg spi tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp xml2)
wait "$libcrypto_step" || exit 1
step "contrib" side_modules "${contrib[@]/#/contrib/}"
modules+=("${contrib[@]/#/contrib/}")
program_object() { # of a program, compiled with options of its own: directory below src/bin, name, options
    [[ "$build/src/bin/$1/$2.o" -nt "$port/programs.h" ]] || rm -f "$build/src/bin/$1/$2.o"
    m "src/bin/$1" "$2.o" "COPT=$3 -include $port/programs.h"
}
other_programs=(pg_dump pg_basebackup pg_amcheck pg_waldump pg_controldata pg_resetwal pg_checksums pg_verifybackup pgbench scripts)
client_programs() {
    program_object pg_basebackup pg_basebackup -DFORK_LOG_STREAMER
    program_object pgbench pgbench -DHOST_THREADS
    # Each time, so that make never finds it older than what it includes and compiles PostgreSQL's file itself.
    mkdir -p "$build/src/bin/pg_dump"
    wasm-cc -O2 -include pocketgres.h "-DPOSTGRESQL_PARALLEL=\"$source_tree/src/bin/pg_dump/parallel.c\"" -I"$source_tree/src/bin/pg_dump" \
        -I"$build/src/include" -I"$source_tree/src/include" -I"$source_tree/src/interfaces/libpq" -c "$port/parallel.c" -o "$build/src/bin/pg_dump/parallel.o"
    make_programs "${other_programs[@]}"
}
step "programs" client_programs
programs+=("${other_programs[@]}")
tests=()
for directory in "$source_tree"/src/test/modules/*/; do
    # What has no C, or needs a library that is not in this build
    d="$(basename "$directory")"
    case "$d" in ldap_password_func | ssl_passphrase_callback | libpq_pipeline | oauth_validator | test_cloexec | test_json_parser | test_escape) continue ;; esac
    [[ -f "$directory/Makefile" ]] && grep -qE '^(MODULES|MODULE_big)' "$directory/Makefile" && tests+=("src/test/modules/$d")
done
test_modules() { local d; m src/test/regress regress.so; for d in "${tests[@]}"; do m "$d"; done; }
step "test modules" test_modules
install_tests() {
    local d
    mkdir -p "$stage/test/extension"
    cp "$build/src/test/regress/regress.so" "$stage/test/"
    for d in "${tests[@]}"; do
        find "$build/$d" -maxdepth 1 -name '*.so' -exec cp {} "$stage/test/" \;
    done
    # As extension_control_path has it; some have no library.
    find "$source_tree/src/test/modules" -mindepth 2 -maxdepth 2 \( -name '*.control' -o -name '*--*.sql' \) -exec cp {} "$stage/test/extension/" \;
}

# ---- extensions ----

# Headers, PGXS and libpq for those that are compiled outside PostgreSQL's tree
export POCKET_SDK="$base/build/sdk$prefix" POCKET_PREFIX="$prefix" POCKET_SERVER="$build/src/backend/postgres" TOOLCHAIN_SYSTEM
sdk() {
    local d
    rm -rf "$base/build/sdk"
    for d in src/include src/makefiles config; do m "$d" install "DESTDIR=$base/build/sdk"; done
    m src install-local "DESTDIR=$base/build/sdk"
    m src/pl/plpgsql/src install-headers "DESTDIR=$base/build/sdk"
    cp "$source_tree"/src/interfaces/libpq/libpq-{fe,events}.h "$POCKET_SDK/include/"
    printf '%s\n' "create $POCKET_SDK/lib/libpq.a" "addlib $build/src/interfaces/libpq/libpq.a" "addlib $build/src/common/libpgcommon_shlib.a" \
        "addlib $build/src/port/libpgport_shlib.a" save end | llvm-ar -M
}
if [[ ! -d "$POCKET_SDK" || "$build/.configured" -nt "$POCKET_SDK/lib/libpq.a" ]]; then step "headers for extensions" sdk; fi
extensions="$base/build/extensions"
rm -rf "$extensions"
mkdir -p "$extensions/out"
extension() { # name, source, directory of its makefile: what it installs, and its licence, into $extensions/out
    MAKEFLAGS="-s -j$jobs" "$port/extension.sh" "$1" "$2" "$extensions/$1" "$extensions/out" -C "$3"
    find "$2" -maxdepth 1 -type f \( -iname 'license*' -o -iname 'copyright*' -o -iname 'copying*' \) -exec install -D -m 644 {} "$extensions/out/licenses/$1" \;
}
while read -r name version hash _ directory _ _ state; do
    [[ -n "$name" && "$name" != '#'* ]] || continue
    [[ "$state" == enabled ]] || requested "$name" || continue
    if folder="$(extension_folder "$name")"; then unpacked="$folder"
    elif [[ "$hash" == - ]]; then die "$name has no archive in eng/engine/extensions: put its source into a folder $name and set POCKETGRES_SOURCES to the folder above"
    elif (unpack "$name") 2>"$extensions/fetch.log"; then unpacked="$base/src/$name-$version"
    elif ! requested "$name"; then missing+=("$name"); continue
    else cat "$extensions/fetch.log" >&2; exit 1
    fi
    step "extension $name" extension "$name" "$unpacked" "$directory"
done <"$port/extensions"
