#!/usr/bin/env bash
# The long proofs of clusters in a bucket, of which ./test runs short forms: openers that race for a log, writers on a store that fails, collections that are killed or have something
# done to the bucket meanwhile, servers that are killed under load and at each step of an image.
#
#   eng/bucket.sh [RUNS] [KILLS]  default: 1000 seeded runs of each model, 30 kills under load
#   POCKETGRES_SEED               the first seed (default: of chance; printed)
#
# Prints each proof's figures; exit code 1 when one fails.
set -uo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$repository"
export POCKETGRES_BUCKET_RUNS="${1:-1000}" POCKETGRES_KILLS="${2:-30}" POCKETGRES_ALLOW_ROOT=1
dotnet build tests/Pocketgres.Bucket.Tests -c Release -v q -nologo || exit 2
failed=0
for proof in Of_openers_at_once_one_history_remains What_was_durable_is_read_whatever_goes_wrong Everything_that_is_kept_opens_whatever_happens_meanwhile \
    Killed_under_load_it_keeps_every_acknowledged_transaction Killed_at_each_step_of_an_image_it_keeps_everything; do
    began=$SECONDS
    if text="$(dotnet test tests/Pocketgres.Bucket.Tests -c Release --no-build --nologo --filter "FullyQualifiedName~$proof" --logger "console;verbosity=detailed" 2>&1)"; then
        echo "$proof: $((SECONDS - began)) s; $(grep -A20 'Standard Output Messages' <<<"$text" | grep -v 'SEED\|Standard\|^ *$' | head -1 | sed 's/^ *//')"
    else
        failed=1
        echo "$proof: FAILED"
        tail -60 <<<"$text"
    fi
done
exit $failed
