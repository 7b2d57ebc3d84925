#!/usr/bin/env bash
# Takes in the cluster that Debian makes: pg_createcluster of its own package, with ssl = on, a certificate and the configuration in /etc, sorted by en_US.UTF-8. import-pgdata finds the configuration, names the
# indexes that are sorted by that locale and no others, builds them anew, and pg_amcheck finds nothing in what is served then; the dumps are equal.
#
#   eng/debian-cluster.sh [SEED]      of the random content beside the named indexes (1)
#
# Needs root, who gives the script an /etc, /usr and /var of its own, and apt, perl and localedef with its sources.
set -euo pipefail
if [[ -z "${DEBIAN_CLUSTER_OVER:-}" ]]; then
    over="$(mktemp -d)"
    trap 'rmdir "$over"' EXIT
    DEBIAN_CLUSTER_OVER="$over" unshare --mount "$BASH" "$(realpath "${BASH_SOURCE[0]}")" "$@"
    exit
fi
source "$(dirname "${BASH_SOURCE[0]}")/beside-native.sh"
source "$repository/eng/debian.sh"
die() { fail "$@"; }

seed="${1:-1}" data=/var/lib/postgresql/18/main
mount -t tmpfs none "$DEBIAN_CLUSTER_OVER"
for directory in etc usr var; do
    mkdir -p "$DEBIAN_CLUSTER_OVER/$directory/upper" "$DEBIAN_CLUSTER_OVER/$directory/work"
    mount -t overlay -o "lowerdir=/$directory,upperdir=$DEBIAN_CLUSTER_OVER/$directory/upper,workdir=$DEBIAN_CLUSTER_OVER/$directory/work" none "/$directory"
done
debian_open "$work/apt" forky
debian_download postgresql-common postgresql-client-common
for package in "$work"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" /; done
mkdir -p /usr/lib/postgresql
ln -s "$(realpath "$native/..")" /usr/lib/postgresql/18
mkdir "$work/locale"
quietly localedef --no-archive -i en_US -f UTF-8 "$work/locale/en_US.UTF-8"
export LOCPATH="$work/locale"
quietly openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=debian -keyout /etc/ssl/private/ssl-cert-snakeoil.key -out /etc/ssl/certs/ssl-cert-snakeoil.pem
chown root:nogroup /etc/ssl/private /etc/ssl/private/ssl-cert-snakeoil.key
chmod 710 /etc/ssl/private
chmod 640 /etc/ssl/private/ssl-cert-snakeoil.key
env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE pg_createcluster -u nobody -g nogroup -p "$PGPORT" --locale en_US.UTF-8 18 main -- -U postgres >"$work/out" 2>&1 || { cat "$work/out"; fail "not made"; }
[[ "$(grep -E '^ssl = |^ssl_cert' /etc/postgresql/18/main/postgresql.conf | cut -d\' -f2 | paste -sd ' ')" == "ssl = on /etc/ssl/certs/ssl-cert-snakeoil.pem" ]] || fail "this is not what Debian makes"
sed -i 's/ peer$/ trust/' /etc/postgresql/18/main/pg_hba.conf # its user is not this one

start native "${as[@]}" postgres -D "$data" -c config_file=/etc/postgresql/18/main/postgresql.conf -c unix_socket_directories="$PGHOST" -c external_pid_file=
quietly psql -Xq -v ON_ERROR_STOP=1 -o /dev/null <<'SQL'
CREATE DATABASE shop;
\connect shop
CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin; CREATE EXTENSION citext;
CREATE TYPE pair AS (a int, b text); CREATE DOMAIN short AS text;
CREATE TABLE words (id int PRIMARY KEY, w text, c text COLLATE "C", u text COLLATE "C.utf8", i text COLLATE "de-x-icu", n name, v varchar(90), s short, ci citext, p pair, a text[], j jsonb, vec tsvector);
INSERT INTO words SELECT i, x, x, x, x, x, x, x, x, ROW(i, x)::pair, ARRAY[x], jsonb_build_object('k', x), to_tsvector('simple', x) FROM (SELECT i, chr(65 + (i * 7) % 58) || CASE i % 3 WHEN 0 THEN '-' WHEN 1 THEN '_' ELSE 'é' END || i % 90 || chr(97 + i % 26) FROM generate_series(1, 3000) i) AS t (i, x);
CREATE INDEX anew_w ON words (w); CREATE INDEX anew_v ON words (v DESC); CREATE INDEX anew_s ON words (s); CREATE INDEX anew_ci ON words (ci); CREATE INDEX anew_p ON words (p); CREATE INDEX anew_a ON words (a);
CREATE INDEX anew_lower ON words (lower(w)); CREATE INDEX anew_two ON words (id, w); CREATE INDEX anew_where ON words (id) WHERE w > 'b'; CREATE INDEX anew_hash ON words USING hash (w); CREATE INDEX anew_brin ON words USING brin (w);
CREATE INDEX anew_gin ON words USING gin (w); CREATE INDEX anew_spgist ON words USING spgist (w); CREATE INDEX anew_trgm ON words USING gin (w gin_trgm_ops); CREATE INDEX anew_pattern ON words (w text_pattern_ops);
CREATE INDEX kept_c ON words (c); CREATE INDEX kept_u ON words (u); CREATE INDEX kept_n ON words (n); CREATE INDEX kept_of_c ON words (w COLLATE "C"); CREATE INDEX kept_j ON words USING gin (j); CREATE INDEX kept_vec ON words USING gin (vec); CREATE INDEX kept_id ON words USING hash (id);
SQL
python3 "$repository/eng/random-cluster.py" "$seed" --locale en_US.UTF-8 --extension hstore --extension citext --extension pg_trgm --extension btree_gist >"$work/content.sql"
quietly psql -Xq -v ON_ERROR_STOP=1 -o /dev/null -f "$work/content.sql"
pg_amcheck --all --install-missing --heapallindexed --parent-check 2>"$work/log" || { cat "$work/log"; fail "pg_amcheck found something in what was made"; }
dump() { pg_dumpall --restrict-key=x | sed '/^-- Dumped from/d' >"$1"; }
dump "$work/before"
stop native clean

anew() { grep -oE "anew_[a-z]+|kept_[a-z_]+|words_pkey" | sort -u | paste -sd ' '; }
expected="$(grep -oE 'anew_[a-z]+' "${BASH_SOURCE[0]}" | grep -v '^anew_$' | sort -u | paste -sd ' ')"
"${pocketgres[@]}" import-pgdata "$data" "$work/ours" >"$work/out" 2>&1 && fail "not refused without --reindex"
[[ "$(anew <"$work/out")" == "$expected" ]] || { cat "$work/out"; fail "other indexes are named"; }
[[ ! -e "$work/ours" ]] || fail "something is there"
quietly "${pocketgres[@]}" import-pgdata "$data" "$work/ours" --reindex
cp "$work/out" "$work/notes"
[[ "$(grep 'built anew' "$work/notes" | anew)" == "$expected" ]] || { cat "$work/notes"; fail "other indexes were built anew"; }
grep -q 'configuration files are those of /etc/postgresql/18/main' "$work/notes" || fail "its configuration was not found"
start_ours ours "$work/ours"
dump "$work/after"
cmp "$work/before" "$work/after" || fail "the dump differs"
pg_amcheck --all --install-missing --heapallindexed --parent-check 2>"$work/log" || { cat "$work/log"; fail "pg_amcheck found something"; }
[[ "$(psql -XAtd shop -c "SET enable_seqscan = off" -c "SELECT count(*) FROM words WHERE w = (SELECT w FROM words WHERE id = 77)" -c "SELECT count(*) = (SELECT count(*) FROM words WHERE w || '' > 'b') FROM words WHERE w > 'b'" | tail -n 1)" == t ]] || fail "an index does not find what is there"
stop ours clean
grep -v 'built anew' "$work/notes" | sed 's/^pocketgres: /debian-cluster: said: /'
say "served: $(wc -l <"$work/before") lines equal, ssl $(grep -qE '^ssl = on' "$work/ours/postgresql.conf" && echo on || echo off), $(grep -c 'built anew' "$work/notes") indexes were built anew, among them those named: $expected"
