# Sourced, in the repository's directory, by scripts that look for faults with an engine whose code differs (src/Pocketgres.Wasm/Translation/CodeVariant.cs).

# variant DIRECTORY PROPERTY...: the command line with such an engine in DIRECTORY/bin; what is in the usual place is the usual one again. Ends the script when a build fails.
variant() {
    local directory="$1" build=(dotnet build src/Pocketgres.Cli -c Release -v q -nologo -nodeReuse:false)
    shift
    mkdir -p "$directory"
    "${build[@]}" "$@" >"$directory/build.log" 2>&1 || { cat "$directory/build.log" >&2; exit 2; }
    rm -rf "$directory/bin"
    cp -a src/Pocketgres.Cli/bin/Release/net10.0 "$directory/bin"
    "${build[@]}" >"$directory/build.log" 2>&1 || { cat "$directory/build.log" >&2; exit 2; }
}
