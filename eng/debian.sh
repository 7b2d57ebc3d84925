# Debian's packages and sources without root: an apt with a private state. Sourced by the scripts that install something;
# the caller defines `say` and `die`.
#
#   debian_open DIR SUITE        makes the private state in DIR and reads SUITE's lists from the mirror this machine is set up with
#   debian_apt ARGUMENTS...      apt-get of that state
#   debian_download PACKAGE...   packages into DIR/cache/archives
#   debian_source NAME FILE      a file of a source package's list: prints "SHA256 NAME" lines without FILE, else downloads FILE here

# The mirror is the one this machine is set up with. indextargets needs no lists on newer apts; read the sources themselves otherwise.
debian_mirror() {
    local file
    {
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null || true
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
            [[ -f "$file" ]] && sed -nE 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' "$file"
        done
        for file in /etc/apt/sources.list.d/*.sources; do
            [[ -f "$file" ]] && sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p' "$file"
        done
    } | grep -E '/debian/?$' | head -n1 || true
}

debian_run() { # without the registry's address in what is shown
    "$@" >"$debian_state/log" 2>&1 && return
    local why; why="$(grep -m1 -E '^(E|Err|W):' "$debian_state/log" | sed -E 's#[a-z]+://[^ /]*#…#g' || true)"
    if grep -q 'No space left' "$debian_state/log" || [[ "$(df -Pk "$debian_state" | awk 'NR == 2 { print int($4 / 1024) }')" == 0 ]]; then die "the disk is full; free some space and run again"; fi
    die "${debian_what:-download} failed (no network?): ${why:-see $debian_state/log}"
}

debian_open() {
    debian_state="$1"
    local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror="$(debian_mirror)"
    [[ -n "$mirror" ]] || die "no Debian mirror in this machine's apt configuration"
    mkdir -p "$1/etc/parts" "$1/lists/partial" "$1/cache/archives/partial"
    : >"$1/status"                # an empty package database: the closure is computed from nothing
    printf '%s [signed-by=%s] %s %s main\n' deb "$keyring" "$mirror" "$2" deb-src "$keyring" "$mirror" "$2" >"$1/etc/sources.list"
    debian_options=(-qq
        -o "Dir::Etc::sourcelist=$1/etc/sources.list" -o "Dir::Etc::sourceparts=$1/etc/parts"
        -o "Dir::Etc::preferencesparts=$1/etc/parts" -o "Dir::State::Lists=$1/lists" -o "Dir::Cache=$1/cache"
        -o "Dir::State::status=$1/status" -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
        -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root -o Debug::NoLocking=1)
    debian_what="reading the package lists of $2" debian_run debian_apt update
}

# That apt could not fetch lists is a warning only: what is not in them is then no fault of the suite's.
debian_need_lists() {
    ls "$debian_state"/lists/*_Packages* >/dev/null 2>&1 \
        || die "reading the package lists failed (no network?): $(grep -m1 -E '^(W|E):' "$debian_state/log" | sed -E 's#[a-z]+://[^ /]*#…#g' || true)"
}

debian_apt() { apt-get "${debian_options[@]}" "$@"; }

debian_download() {
    (cd "$debian_state/cache/archives" && debian_what="downloading packages" debian_run debian_apt download "$@")
}
