#!/usr/bin/env bash
# Thirty nights: each makes its data, compares, and goes on; then the report. TIEOUT and PYTHON name other programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

for day in $(seq 30); do
    "${PYTHON:-python3}" make_day.py "$day"
    # 1 says that something diverged, which is no reason to stop; an error is.
    "${TIEOUT:-tieout}" run --quiet >/dev/null || [ $? -eq 1 ]
done
"${TIEOUT:-tieout}" report
