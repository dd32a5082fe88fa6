#!/bin/sh
# The whole way: what diverges, what is repaired by itself, what waits for a person, their word, and the way back.
set -eu
cd "$(dirname "$0")"
"${PYTHON:-python3}" make_data.py
rm -rf out anna.key anna.key.pub
tieout keys new anna.key > /dev/null
ANNA_KEY=$(cat anna.key.pub)
export ANNA_KEY

echo "== a run, and what the policy repairs by itself"
tieout run --repair -q || true

echo "== what waits: a row too many, and an IBAN that nobody may change by machine"
PLAN=$(tieout repair plan orders --format json | sed -n 's/^ *"plan": "\([0-9a-f]*\)".*/\1/p' | head -1)
tieout repair apply "$PLAN" --dry-run || true
TIEOUT_ACTOR=anna tieout repair approve "$PLAN" --as anna --key anna.key
tieout repair apply "$PLAN" || true
tieout run -q || true

echo "== and back"
tieout repair revert "$PLAN"
tieout repair history
tieout ledger verify
