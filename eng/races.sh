#!/usr/bin/env bash
# Looks for races: builds an engine whose server tells of its accesses to memory, and runs PostgreSQL's suites (eng/regress.sh) on it. Two processes' plain accesses to shared memory of which
# one stores, and that no atomic instruction, fork or signal orders, are a race (src/Pocketgres.Kernel/Races).
#
#   eng/races.sh [SUITE...]     default: isolation
#   TESTS                       only these tests of a suite, as eng/regress.sh has it
#   RACES_BUILT=1               with the engine that is in artifacts/races
#   WITHOUT=i32.atomic.rmw.xchg instructions of this kind order nothing to the checker, which then must find races: so it would notice if they did not
#
# Prints eng/regress.sh's lines, and each race between functions that eng/races-accepted.txt does not name: how often, the two functions, where, and the calls that led to the later access;
# exit code 1 if there is one. All pairs: artifacts/races/pairs.txt, the same columns. A test that differs (timeouts: the code is several times slower) is printed and fails nothing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
suites=("$@")
((${#suites[@]})) || suites=(isolation)
directory="$PWD/artifacts/races"
source eng/variant.sh
[[ "${RACES_BUILT:-}" == 1 ]] || variant "$directory" -p:PocketgresCheckRaces=true -p:PocketgresReadyToRun=false
read -r engine <"$directory/bin/pocketgres-engine.path" && [[ -f "$engine/race-sites.txt" ]] || { echo "races: $directory has no engine that tells of its accesses: run without RACES_BUILT" >&2; exit 2; }
without=0
[[ -z "${WITHOUT:-}" ]] || without="$(awk -F '\t' -v name="$WITHOUT" '$2 == name { print $1 }' "$engine/race-sites.txt")"
[[ -n "$without" ]] || { echo "races: the server has no instruction $WITHOUT: report.txt of $engine lists them" >&2; exit 2; }
rm -rf "$directory/found"
mkdir "$directory/found"
POCKETGRES_RACES="$directory/found/races" POCKETGRES_RACES_WITHOUT="$without" POCKETGRES_CLI="$directory/bin/pocketgres.dll" POCKETGRES_REGRESS_DIR="$directory/results" eng/regress.sh "${suites[@]}"
compgen -G "$directory/found/races.*" >/dev/null || { echo "races: the server has left no list in $directory/found" >&2; exit 2; }

# Names for numbers, the two sides in the order of their names, sums over the servers; the first column of what is accepted is "-".
awk -F '\t' -v OFS='\t' '
    NR == FNR { name[$1] = $2; next }
    { one = name[$2] ":" $3; other = name[$4] ":" $5; key = one < other ? one OFS other : other OFS one
      count[key] += $1; if (!(key in where)) where[key] = $6 OFS $7 OFS $8 }
    END { for (key in count) print count[key], key, where[key] }' "$engine/race-sites.txt" "$directory"/found/races.* | sort -rn >"$directory/pairs.txt"

# A line of the accepted: two patterns, in either order, and the reason. "*" stands for any function or access.
awk -F '\t' '
    function pattern(glob) { gsub(/[].+?(){}[\\^$|]/, "[&]", glob); gsub(/\*/, ".*", glob); return "^" glob "$" }
    NR == FNR { if ($0 !~ /^(#|$)/) { split($0, side, / +/); n++; first[n] = pattern(side[1]); second[n] = pattern(side[2]) } next }
    { for (i = 1; i <= n; i++)
          if (($2 ~ first[i] && $3 ~ second[i]) || ($3 ~ first[i] && $2 ~ second[i])) { accepted++; next }
      print; bad++ }
    END { printf "races: %d pairs of functions, %d of them not accepted\n", accepted + bad, bad; exit bad > 0 }' eng/races-accepted.txt "$directory/pairs.txt"
