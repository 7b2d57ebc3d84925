#!/usr/bin/env bash
# Runs Ceph's radosgw, an S3 store of another make with conditional writes, for the tests: one monitor, one OSD on bluestore, cephx, from Debian's packages of this
# machine's suite, unpacked into artifacts/radosgw (500 MB). No rights are needed, nothing outside is changed, and all of it ends with the script.
#
#   eng/radosgw.sh                     the stores' contract and a cluster's life against it, and how long commits take
#   eng/radosgw.sh COMMAND...          COMMAND with POCKETGRES_RADOSGW (its address), AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set; there is no bucket yet
#   eng/radosgw.sh install             only install
#   POCKETGRES_RADOSGW_DIR             where it is installed
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
target="${POCKETGRES_RADOSGW_DIR:-$repository/artifacts/radosgw}"
say() { echo "radosgw: $*" >&2; }
die() { say "$*"; exit 1; }

install_ceph() {
    [[ ! -x "$target/root/usr/bin/radosgw" || ! -f "$target/.stamp" ]] || return 0
    local suite started=$SECONDS package
    suite="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")"
    [[ -n "$suite" ]] || die "this machine is no release of Debian: its suite has no radosgw"
    source "$repository/eng/debian.sh"
    rm -rf "$target/root"
    debian_open "$target/apt" "$suite"
    # What runs, with this machine's C library and Python; not what only maintainer scripts want.
    debian_apt install -s -y --no-install-recommends radosgw ceph-mon ceph-osd ceph-common 2>/dev/null | sed -nE 's/^Inst ([^ ]+).*/\1/p' \
        | grep -E '^(lib|zlib|radosgw|ceph|python3-(ceph|rados|rbd|prettytable|wcwidth|yaml|dateutil|six))' | grep -vE '^(libc6|libc-bin|libpam|libperl|libstdc|libgcc|libpython)' >"$target/apt/packages" \
        || die "the suite $suite has no radosgw"
    debian_download $(cat "$target/apt/packages")
    for package in "$target"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$target/root"; done
    rm -rf "$target/apt" "$target/root/usr/share/doc" "$target/root/usr/share/man"
    touch "$target/.stamp"
    say "installed in $target, $(du -sh "$target" | cut -f1), $((SECONDS - started)) s"
}

mkdir -p "$target"
exec 9>"$target/.lock"
flock 9
install_ceph
flock -u 9
[[ "${1:-}" != install ]] || exit 0

root="$target/root"
library="$(echo "$root"/usr/lib/*-linux-gnu)"
export LD_LIBRARY_PATH_CEPH="$library:$library/ceph:$(echo "$root"/lib/*-linux-gnu)" PYTHONPATH_CEPH="$root/usr/lib/python3/dist-packages"
work="$(mktemp -d)"
daemons=()
stop() {
    local pid
    for pid in "${daemons[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done # nothing of it is kept, and an orderly end takes two minutes
    for pid in "${daemons[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

run() { LD_LIBRARY_PATH="$LD_LIBRARY_PATH_CEPH" PYTHONPATH="$PYTHONPATH_CEPH" CEPH_CONF="$work/ceph.conf" "$root/usr/bin/$1" "${@:2}"; }
ceph() { LD_LIBRARY_PATH="$LD_LIBRARY_PATH_CEPH" PYTHONPATH="$PYTHONPATH_CEPH" CEPH_CONF="$work/ceph.conf" /usr/bin/python3 "$root/usr/bin/ceph" --connect-timeout 30 "$@"; }
daemon() { # name, program, arguments
    LD_LIBRARY_PATH="$LD_LIBRARY_PATH_CEPH" CEPH_CONF="$work/ceph.conf" "$root/usr/bin/$2" -f "${@:3}" >"$work/$1.log" 2>&1 &
    daemons+=($!)
}
free_ports() { /usr/bin/python3 -c 'import socket
s = [socket.socket() for _ in range(2)]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])'; }

read -r monitor_port port < <(free_ports)
fsid="$(cat /proc/sys/kernel/random/uuid)" osd="$(cat /proc/sys/kernel/random/uuid)"
cat >"$work/ceph.conf" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$monitor_port/0]
public network = 127.0.0.0/8
keyring = $work/keyring
run dir = $work
admin socket = $work/\$name.asok
log file =
log to stderr = true
crash dir = $work
plugin dir = $library/ceph
osd class dir = $library/rados-classes
erasure code dir = $library/ceph/erasure-code
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data = $work/mon
mon data avail crit = 1
osd data = $work/osd
osd memory target = 939524096
bluestore block size = 8589934592
auth allow insecure global id reclaim = false
rgw data = $work
ms bind ipv6 = false
CONF
started=$SECONDS
run ceph-authtool --create-keyring "$work/keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
run ceph-authtool "$work/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' >/dev/null
run monmaptool --create --addv a "[v2:127.0.0.1:$monitor_port/0]" --fsid "$fsid" "$work/monmap" >/dev/null
mkdir "$work/mon" "$work/osd"
run ceph-mon --mkfs -i a --monmap "$work/monmap" --keyring "$work/keyring" >"$work/mkfs.log" 2>&1 || die "the monitor cannot be made: $(tail -n 3 "$work/mkfs.log")"
daemon mon ceph-mon -i a
ceph osd new "$osd" >/dev/null 2>"$work/ceph.log" || die "the monitor does not answer: $(tail -n 3 "$work/ceph.log" "$work/mon.log")"
ceph auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' >"$work/osd/keyring" 2>/dev/null
run ceph-osd -i 0 --mkfs --osd-uuid "$osd" --keyring "$work/osd/keyring" >"$work/mkfs.log" 2>&1 || die "the OSD cannot be made: $(tail -n 3 "$work/mkfs.log")"
daemon osd ceph-osd -i 0 --keyring "$work/osd/keyring"
ceph auth get-or-create client.rgw mon 'allow rw' osd 'allow rwx' >"$work/rgw.keyring" 2>/dev/null
export AWS_ACCESS_KEY_ID=access AWS_SECRET_ACCESS_KEY=secret POCKETGRES_RADOSGW="http://127.0.0.1:$port"
run radosgw-admin -n client.rgw --keyring "$work/rgw.keyring" user create --uid test --display-name test --access-key "$AWS_ACCESS_KEY_ID" --secret-key "$AWS_SECRET_ACCESS_KEY" \
    >"$work/admin.log" 2>&1 || die "no user can be made: $(tail -n 3 "$work/admin.log")"
daemon rgw radosgw -n client.rgw --keyring "$work/rgw.keyring" --rgw-frontends "beast endpoint=127.0.0.1:$port"
for ((i = 0; i < 300; i++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "${daemons[-1]}" 2>/dev/null || die "radosgw ended: $(tail -n 3 "$work/rgw.log")"
    sleep 0.1
done
say "$(run radosgw --version | cut -d' ' -f1-3) at $POCKETGRES_RADOSGW after $((SECONDS - started)) s"

if (($# > 0)); then
    "$@"
else
    cd "$repository"
    POCKETGRES_ALLOW_ROOT=1 dotnet test tests/Pocketgres.Bucket.Tests -c "${CONFIGURATION:-Release}" --no-build -nologo --filter "FullyQualifiedName~Radosgw|DisplayName~radosgw" --logger "console;verbosity=detailed"
fi
