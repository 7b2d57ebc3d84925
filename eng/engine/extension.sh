#!/bin/bash
# Compiles one extension. extension.sh NAME SOURCE WORK OUT ARGUMENTS...: SOURCE is copied to WORK, changed as NAME.sed says if there is one, and
# compiled there as its makefile (PGXS), CMakeLists.txt or meson.build says, with further arguments for make, cmake or meson; OUT gets lib/postgresql and
# share/postgresql. POCKET_SDK, POCKET_PREFIX, POCKET_SERVER, POCKET_SYSROOT, TOOLCHAIN_SYSTEM and the toolchain are the caller's. A library that imports what neither
# the server nor the kernel has is an error. NAME-build.sh, if there is one, is what to do in place of calling make.
set -euo pipefail
name="$1" source="$2" work="$3" out="$4"; shift 4
port="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
rm -rf "$work"
mkdir -p "$work"
cp -r "$source/." "$work/"
[[ ! -f "$port/$name.sed" ]] || find "$work" -name '*.c' -exec sed -i -f "$port/$name.sed" {} +
export PG_CONFIG="$port/pg_config" USE_PGXS=1 POCKET_PATHS="${POCKET_PATHS:-} -ffile-prefix-map=$work=/pocketgres/extensions/$name"
cd "$work"
# C++ that throws has another compiler and another library, which the first such extension waits for.
if [[ -f "$port/$name-build.sh" ]] || grep -rqwE 'throw|catch' --include=*.{cc,cpp,cxx,C,hh,hpp} --exclude-dir=.git "$work"; then
    make -s -j"${POCKETGRES_JOBS:-$(nproc)}" -f "$port/cxx.mk" AR=llvm-ar "OUT=$POCKET_SYSROOT/cxx" "PORT=$port" "SYSTEM=$TOOLCHAIN_SYSTEM"
    PATH="$port/cxx:$PATH"; export PATH
fi
needs() { local program; for program in "$@"; do command -v "$program" >/dev/null || { echo "error: $program is not on the PATH: install it" >&2; exit 1; }; done; }
pgxs() {
    make "PG_CONFIG=$PG_CONFIG" with_llvm=no OPTFLAGS= "$@"
    make "PG_CONFIG=$PG_CONFIG" with_llvm=no OPTFLAGS= "DESTDIR=$work/.root" "$@" install
}
with_cmake() {
    needs cmake
    printf 'set(CMAKE_%s)\n' "SYSTEM_NAME Linux" "SYSTEM_PROCESSOR wasm64" "C_COMPILER wasm-cc" "CXX_COMPILER wasm-c++" "AR llvm-ar" "RANLIB llvm-ranlib" \
        "STRIP llvm-strip" "TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY" "FIND_ROOT_PATH_MODE_LIBRARY ONLY" >"$work/.toolchain.cmake"
    cmake -S "$work" -B "$work/.build" -DCMAKE_TOOLCHAIN_FILE="$work/.toolchain.cmake" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$POCKET_PREFIX" "-DPG_CONFIG=$PG_CONFIG" "$@"
    cmake --build "$work/.build"
    DESTDIR="$work/.root" cmake --install "$work/.build"
}
with_meson() {
    needs meson ninja
    printf '%s\n' '[binaries]' "c = 'wasm-cc'" "cpp = 'wasm-c++'" "ar = 'llvm-ar'" "strip = 'llvm-strip'" "pg_config = '$PG_CONFIG'" \
        '[host_machine]' "system = 'linux'" "cpu_family = 'wasm64'" "cpu = 'wasm64'" "endian = 'little'" >"$work/.cross"
    meson setup "$work/.build" "$work" --cross-file "$work/.cross" --buildtype=release --prefix="$POCKET_PREFIX" "$@"
    ninja -C "$work/.build"
    DESTDIR="$work/.root" meson install -C "$work/.build" --no-rebuild
}
if [[ -f "$port/$name-build.sh" ]]; then source "$port/$name-build.sh"
elif [[ -n "$(ls GNUmakefile makefile Makefile 2>/dev/null)" || " $* " == *" -C "* || " $* " == *" -f "* ]]; then pgxs "$@"
elif [[ -f CMakeLists.txt ]]; then with_cmake "$@"
elif [[ -f meson.build ]]; then with_meson "$@"
else echo "error: $source has no Makefile, CMakeLists.txt or meson.build" >&2; exit 1
fi
[[ -d "$work/.root$POCKET_PREFIX" ]] || { echo "error: nothing was installed below $POCKET_PREFIX: the install rules must ask pg_config where files go" >&2; exit 1; }
for module in "$work/.root$POCKET_PREFIX"/lib/postgresql/*.so; do
    [[ -f "$module" ]] || continue
    llvm-strip -g "$module"
    missing="$(perl "$port/imports.pl" "$POCKET_SERVER" "$module" | paste -sd' ')"
    [[ -z "$missing" ]] || { echo "error: ${module##*/} needs what the engine does not have: $missing" >&2; exit 1; }
done
mkdir -p "$out"
for directory in lib/postgresql share/postgresql; do
    [[ ! -d "$work/.root$POCKET_PREFIX/$directory" ]] || { mkdir -p "$out/$directory"; cp -r "$work/.root$POCKET_PREFIX/$directory/." "$out/$directory/"; }
done
