# Sourced. pocket_paths sets POCKET_PATHS: options with which the compiler writes names in place of this machine's folders, so that equal sources are equal
# bytes wherever they are compiled. The caller's: base, port, TOOLCHAIN_SYSTEM. Of two that fit, clang takes the last one.
pocket_paths() {
    local resources; resources="$(clang -print-resource-dir)"
    POCKET_PATHS="-ffile-prefix-map=$base=/pocketgres -ffile-prefix-map=$port=/pocketgres/engine -ffile-prefix-map=$TOOLCHAIN_SYSTEM=/emscripten -ffile-prefix-map=$resources=/clang"
    export POCKET_PATHS
}
