# Sourced by extension.sh in the copy of PostGIS' source: builds GEOS, PROJ with SQLite, and json-c (postgis.mk; kept in the engine's build tree for the next time), then PostGIS without raster,
# topology, protobuf (MVT, geobuf), SFCGAL, the address standardizer and the programs for shapefiles. C++ of GEOS and PROJ throws; see exceptions.cpp. Debian's pool has the archives
# (eng/engine/libraries-of-extensions), or POCKETGRES_SOURCES.
repository="$(cd "$port/../.." && pwd)" base="${POCKET_SYSROOT%/build/sysroot}" downloads="$(cd "$port/../.." && pwd)/artifacts/download/sources"
say() { echo "$*" >&2; }
die() { echo "error: $*" >&2; exit 1; }
failed() { die "$1 failed"; }
mkdir -p "$downloads"
source "$port/fetch.sh"
version="$(sed -nE 's/^POSTGIS_(MAJOR|MINOR)_VERSION=([0-9]+)$/\2/p' Version.config | paste -sd.)"
data="contrib/postgis-$version/proj" # below share/postgresql; PROJ has the path

libraries="$base/build/postgis-libraries"
settings=("OUT=$libraries" "PROJ_DATA=$POCKET_PREFIX/share/postgresql/$data")
for library in geos proj sqlite json-c; do
    read -r _ upstream _ <<<"$(source_line "$library")"
    (unpack "$library")
    variable="${library%-c}"; variable="${variable^^}"
    settings+=("$variable=$base/src/$library-$upstream" "${variable}_VERSION=$upstream")
done
libxml="$(source_line libxml2 | cut -d' ' -f2)" proj="$(source_line proj | cut -d' ' -f2)"
# What was compiled by another compiler or from other sources is of no use.
stamp="${settings[*]} $(sha256sum "$port/postgis.mk" "$port"/cxx/* "$POCKET_SYSROOT/include/emscripten/version.h" | sha256sum)"
[[ "$(cat "$libraries/.stamp" 2>/dev/null)" == "$stamp" ]] || rm -rf "$libraries"
mkdir -p "$libraries"
echo "$stamp" >"$libraries/.stamp"
host="$(command -v cc || command -v gcc || true)"
[[ -n "$host" ]] || die "there is no C compiler for this machine (cc), by which PROJ's database is made: install one"
POCKET_PATHS="$POCKET_PATHS -ffile-prefix-map=$libraries=/pocketgres/libraries" make -s -j"${POCKETGRES_JOBS:-$(nproc)}" -f "$port/postgis.mk" AR=llvm-ar "HOSTCC=$host" "PORT=$port" "${settings[@]}"

# configure asks the libraries' own programs where they are. It cannot link a program with what is compiled for libraries of the server, nor need it.
mkdir "$work/.config"
printf '#!/bin/sh\ncase "$1" in --version) echo %s ;; --cflags) echo -I%s ;; esac\n' "$libxml" "$POCKET_SYSROOT/include" >"$work/.config/xml2-config"
printf '#!/bin/sh\ncase "$*" in --atleast-pkgconfig-version* | *json-c*) ;; *) exit 1 ;; esac\n' >"$work/.config/pkg-config"
chmod +x "$work/.config"/*
export "PROJ_VERSION=$proj" "JSONC_CFLAGS=-I$libraries/include/json-c" "JSONC_LIBS=-L$libraries/lib -ljson-c"
export ac_cv_lib_proj_pj_get_release=no ac_cv_lib_proj_proj_info=yes ac_cv_lib_geos_c_initGEOS=yes ac_cv_lib_xml2_xmlInitParser=yes ac_cv_lib_pq_PQserverVersion=yes
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}" # postgis_lib_build_date(); equal inputs are equal bytes
flags="-O2 -fPIC -w"
./configure --host=wasm64-unknown-emscripten --build=x86_64-pc-linux-gnu CC=wasm-cc CXX=wasm-c++ AR=llvm-ar RANLIB=llvm-ranlib STRIP=llvm-strip "CPP=wasm-cc -E" CPPFLAGS= "CFLAGS=$flags" \
    "CXXFLAGS=$flags -fvisibility=hidden" LDFLAGS= "PKG_CONFIG=$work/.config/pkg-config" "--with-pgconfig=$PG_CONFIG" "--with-geosconfig=$libraries/bin/geos-config" \
    "--with-projdir=$libraries" "--with-xml2config=$work/.config/xml2-config" --without-raster --without-protobuf --without-sfcgal --without-topology --without-address-standardizer \
    --without-tiger --without-gui --without-interrupt-tests --disable-nls --without-phony-revision
# Its scripts' rules name files that rules beside them make.
for directory in liblwgeom libpgcommon postgis utils extensions; do
    case "$directory" in utils | extensions) together=1 ;; *) together="${POCKETGRES_JOBS:-$(nproc)}" ;; esac
    make -s -j"$together" -C "$directory" "PG_CONFIG=$PG_CONFIG" with_llvm=no OPTFLAGS=
done
for directory in postgis extensions; do make -s -j1 -C "$directory" "PG_CONFIG=$PG_CONFIG" with_llvm=no OPTFLAGS= "DESTDIR=$work/.root" install; done
# Scripts for databases without extensions, and for the time before them, stay behind.
installed="$work/.root$POCKET_PREFIX/share/postgresql"
rm -rf "$installed/contrib" "$installed"/extension/*--unpackaged*
mkdir -p "$installed/$data"
cp "$libraries"/proj/* "$installed/$data/"
