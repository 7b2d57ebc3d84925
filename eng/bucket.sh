#!/usr/bin/env bash
# The long proofs of clusters in a bucket, of which ./test runs short forms: openers that race for a log, writers on a store that fails and that go on after
# they were fenced, collections that are killed or have something done to the bucket meanwhile, servers that are killed under load and at each step of an
# opening, a commit, an image and a close, commits while the network is gone, 20 moments of a cluster at work, a slot's consumer over twelve lives,
# replicas of writers that are killed, moments of a busy hour while the bucket is cleared.
#
#   eng/bucket.sh [RUNS] [KILLS] [RACES] [AWAY] [WORD...]   default: 1000 seeded runs of each model, 30 kills under load and at each step, 10000 openers, 600 seconds
#   WORD...                                                 only the proofs whose names have one of these words: eng/bucket.sh sleeps; eng/bucket.sh 100 killed durable
#   POCKETGRES_SEED                                         the first seed (default: of chance; printed)
#
# Says when each proof begins and prints its figures; exit code 1 when one fails.
set -uo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$repository"
numbers=() words=()
for argument; do if [[ "$argument" =~ ^[0-9]+$ ]]; then numbers+=("$argument"); else words+=("$argument"); fi; done
export POCKETGRES_BUCKET_RUNS="${numbers[0]:-1000}" POCKETGRES_KILLS="${numbers[1]:-30}" POCKETGRES_STEP_KILLS="${numbers[1]:-30}"
export POCKETGRES_BUCKET_RACES="${numbers[2]:-10000}" POCKETGRES_AWAY_SECONDS="${numbers[3]:-600}" POCKETGRES_MOMENTS=20 POCKETGRES_SLOT_CYCLES=12 POCKETGRES_ALLOW_ROOT=1
export POCKETGRES_REPLICA_SECONDS="${POCKETGRES_REPLICA_SECONDS:-600}" POCKETGRES_RETENTION_SECONDS="${POCKETGRES_RETENTION_SECONDS:-3600}" POCKETGRES_RETENTION_LOOKS=40
proofs=(Of_openers_at_once_one_history_remains What_was_durable_is_read_whatever_goes_wrong Everything_that_is_kept_opens_whatever_happens_meanwhile
    Killed_under_load_it_keeps_every_acknowledged_transaction Killed_at_any_step_it_keeps_everything Without_the_gate_a_kill_loses_what_was_acknowledged
    A_branch_at_a_moment_has_what_was_acknowledged_by_then A_consumer_misses_nothing_over_sleeps_and_kills With_the_network_gone_commits_wait_and_go_on_when_it_is_back
    Replicas_show_whole_transactions_while_writers_work_and_are_killed Every_moment_that_is_kept_opens_with_what_was_acknowledged_by_then)
if ((${#words[@]})); then
    mapfile -t proofs < <(printf '%s\n' "${proofs[@]}" | grep -iF -- "$(printf '%s\n' "${words[@]}")")
    ((${#proofs[@]})) || { echo "bucket: no proof's name has \"${words[*]}\"" >&2; exit 2; }
fi
dotnet build tests/Pocketgres.Bucket.Tests -c Release -v q -nologo || exit 2
failed=0
for proof in "${proofs[@]}"; do
    began=$SECONDS
    echo "$(date +%T) $proof ..."
    if text="$(dotnet test tests/Pocketgres.Bucket.Tests -c Release --no-build --nologo --filter "FullyQualifiedName~$proof" --logger "console;verbosity=detailed" 2>&1)"; then
        echo "$proof: $((SECONDS - began)) s; $(grep -A20 'Standard Output Messages' <<<"$text" | grep -v 'SEED\|Standard\|^ *$' | head -1 | sed 's/^ *//')"
    else
        failed=1
        echo "$proof: FAILED"
        tail -60 <<<"$text"
    fi
done
exit $failed
