#!/usr/bin/env bash
# One scheduled run, as cron, Airflow or a Kubernetes CronJob would start it. The environment says where and with which
# rights: BUCKET, AWS_*. Results go to the bucket; one JSON document goes to SUMMARY; what to do next is the exit code.
#
#   0  reconciled          1  diverged: somebody must look        3  inconclusive: no verdict, so no all-clear
#   2  error: no verdict   130  interrupted
set -uo pipefail

tieout=${TIEOUT:-tieout}
project=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
summary=${SUMMARY:-$(mktemp)}
retries=${RETRIES:-1}       # an error may be the network's; a verdict is never asked for twice
pause=${RETRY_PAUSE:-30}    # seconds

: "${BUCKET:?the bucket with the data, without s3://}"

run() { "$tieout" run --project "$project" --format json "$@" >"$summary"; }

run "$@"; code=$?
while [ "$code" -eq 2 ] && [ "$retries" -gt 0 ]; do
    echo "batch: no verdict; once more in $pause s" >&2
    sleep "$pause"
    retries=$((retries - 1))
    run "$@"; code=$?
done

case $code in
    0) echo "batch: reconciled" ;;
    1) echo "batch: DIVERGED, see s3://$BUCKET/tieout/divergences/ and $summary" ;;
    2) echo "batch: no verdict, see the error above and $summary" >&2 ;;
    3) echo "batch: inconclusive, see $summary" >&2 ;;
    130) echo "batch: interrupted; nothing was published" >&2 ;;
    *) echo "batch: tieout ended with $code" >&2 ;;
esac
exit "$code"
