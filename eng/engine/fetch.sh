# Sourced by engine.sh: archives of sources, by their lines in eng/engine/sources and eng/engine/extensions. The caller's: repository, port, base, downloads, say, die, failed.
source "$repository/eng/debian.sh"
# A line of eng/engine/sources or eng/engine/extensions: NAME VERSION SHA256 DIRECTORY/FILE of Debian's pool, ...
source_line() { grep -hE "^$1 " "$port/sources" "$port/libraries-of-extensions" "$port/extensions" || die "eng/engine/sources and eng/engine/extensions have no line for $1"; }
checked() { [[ -f "$1" && "$(sha256sum "$1" | cut -d' ' -f1)" == "$2" ]]; }

download() { # address, file: 0 if it is there afterwards
    [[ -x /usr/lib/apt/apt-helper ]] || return 1
    /usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=2 download-file "$1" "$2.part" >"$base/download.log" 2>&1 && mv "$2.part" "$2" \
        || { rm -f "$2.part"; return 1; }
}

fetch() { # name: sets archive and version
    local name="$1" line hash path file mirror
    read -r _ version hash path _ <<<"$(source_line "$name")"
    file="${path##*/}"
    if [[ -n "${POCKETGRES_SOURCES:-}" && -f "$POCKETGRES_SOURCES/$file" ]]; then
        archive="$POCKETGRES_SOURCES/$file"
        checked "$archive" "$hash" || die "$archive has not the SHA-256 of eng/engine/sources; get $file of version $version"
        return
    fi
    archive="$downloads/$file"
    checked "$archive" "$hash" && return
    rm -f "$archive"
    mirror="$(debian_mirror)"
    say "fetching $name $version"
    if [[ -n "$mirror" ]] && download "${mirror%/}/pool/main/$path" "$archive"; then :
    elif [[ "$name" == postgresql && -n "${POCKETGRES_SOURCES_MIRROR:-}" ]] \
        && download "${POCKETGRES_SOURCES_MIRROR%/}/source/v$version/postgresql-$version.tar.bz2" "$archive"; then :
    elif [[ "$name" == postgresql ]] && newer_postgresql; then
        return
    else
        die "cannot fetch $file (no network?): put it into $downloads or set POCKETGRES_SOURCES"
    fi
    checked "$archive" "$hash" || { rm -f "$archive"; die "$file as fetched has not the SHA-256 of eng/engine/sources: damaged or replaced; run again"; }
}

# The pinned minor release is gone from the pool: take the suite's newer one, whose hash the signed package lists give.
newer_postgresql() {
    local found hash file directory newer
    debian_open "$base/apt" "$(sed -nE 's/^#suite //p' "$port/sources")"
    found="$(apt-cache "${debian_options[@]}" showsrc postgresql-18 2>/dev/null \
        | sed -nE '/^Directory: /p; s/^ ([0-9a-f]{64}) [0-9]+ (postgresql-18_18\.[0-9]+\.orig\.tar\.bz2)$/\1 \2/p' || true)"
    rm -rf "$base/apt"
    read -r hash file <<<"$(grep -E '^[0-9a-f]{64} ' <<<"$found" | sort -k2,2V | tail -n1)"
    directory="$(sed -nE 's/^Directory: //p' <<<"$found" | tail -n1)"
    [[ -n "$file" && -n "$directory" ]] || return 1
    newer="${file#postgresql-18_}"; newer="${newer%.orig.tar.bz2}"
    [[ "$(printf '%s\n%s\n' "$version" "$newer" | sort -V | tail -n1)" == "$newer" && "$newer" != "$version" ]] || return 1
    say "warning: PostgreSQL $version is gone from Debian's pool, taking $newer; put its line into eng/engine/sources"
    archive="$downloads/$file"
    version="$newer"
    checked "$archive" "$hash" && return
    download "$(debian_mirror)/$directory/$file" "$archive" && checked "$archive" "$hash"
}

unpack() { # name, tar's options: $base/src/NAME-VERSION, complete or absent
    fetch "$1"
    unpacked="$base/src/$1-$version"
    [[ -d "$unpacked" ]] && return
    rm -rf "$base/src/.$1"
    mkdir -p "$base/src/.$1"
    tar -xf "$archive" -C "$base/src/.$1" --strip-components=1 "${@:2}" 2>"$base/unpack.log" || { log="$base/unpack.log"; failed "unpacking $archive"; }
    rm -rf "$base/src/$1"-*
    mv "$base/src/.$1" "$unpacked"
}

