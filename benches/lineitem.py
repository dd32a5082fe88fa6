#!/usr/bin/env python3
"""Compares tieout with its peers on TPC-H lineitem, in one run, and prints ratios.

    make bench SCALE=1                     # 6 million rows, 16 columns
    python benches/lineitem.py --scale 1 --runs 3

The target is lineitem with 0.1 % of the rows deleted, 0.1 % added and 0.2 % changed, once in the order of the source and once
in another. Each tool writes all divergences: tieout its tables, DuckDB a full outer join to Parquet, compara CSV. The tools take
turns (one round is not counted), so that what else the machine does hits all of them; the median counts. Their counts
must agree with what was planted, else there is no table.

tieout's time is the whole process; DuckDB's is the query alone, without starting Python.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(sys.executable).parent
KEY = ["l_orderkey", "l_linenumber"]
KINDS = ["value_mismatch", "missing_in_target", "missing_in_source"]


def make_data(folder, scale):
    """lineitem.parquet, same_order.parquet and other_order.parquet; made once per scale."""
    source = folder / "lineitem.parquet"
    if not source.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [VENV / "tpchgen-cli", "parquet", "-s", str(scale), "--tables=lineitem", f"--output-dir={folder}"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
    # Order keys come in eights of every 32: key + 8 is free, and stands nearby.
    changed = f"""
        WITH numbered AS (
            SELECT *, hash(l_orderkey, l_linenumber) % 1000 AS lot FROM read_parquet('{source}')
        )
        SELECT * EXCLUDE (lot) REPLACE (
            CASE WHEN lot = 2 THEN l_discount + 0.01 ELSE l_discount END::DECIMAL(15, 2) AS l_discount,
            CASE WHEN lot = 3 THEN l_comment || '.' ELSE l_comment END AS l_comment)
        FROM numbered WHERE lot <> 0
        UNION ALL
        SELECT * EXCLUDE (lot) REPLACE (l_orderkey + 8 AS l_orderkey) FROM numbered WHERE lot = 1
    """
    for name, order in {
        "same_order": "l_orderkey, l_linenumber",
        "other_order": "hash(l_linenumber, l_orderkey)",
    }.items():
        path = folder / f"{name}.parquet"
        if not path.exists():
            half = path.with_suffix(".half")
            duckdb.sql(f"COPY ({changed} ORDER BY {order}) TO '{half}' (FORMAT parquet)")
            half.rename(path)
    lots = duckdb.sql(f"""
        SELECT hash(l_orderkey, l_linenumber) % 1000 AS lot, count(*) FROM read_parquet('{source}') GROUP BY 1
    """).fetchall()
    lots = dict(lots)
    planted = dict(zip(KINDS, [lots[2] + lots[3], lots[0], lots[1]]))
    return source, planted, sum(lots.values())


@dataclass
class Measured:
    seconds: float
    peak_mib: float
    counts: dict


def measure(command, env=None):
    """Runs a command; gives its exit code, output, wall time, and the peak of its resident memory."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            env=os.environ | (env or {}),
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        return process.returncode, stdout.read().decode(), stderr.read().decode(), seconds, usage.ru_maxrss / 1024


def fail(tool, code, stderr):
    raise SystemExit(f"{tool} ended with {code}:\n{stderr}")


def run_tieout(source, target, out, args):
    code, stdout, stderr, seconds, peak = measure([
        args.tieout, "diff", source, target, "--key", ",".join(KEY), "--threads", args.threads,
        "--out", out, "--format", "json", "-q", *(["--strategy", args.strategy] if args.strategy else []),
    ])
    if code != 1:
        fail("tieout", code, stderr or stdout)
    rows = json.loads(stdout)["rules"][0]["rows"]
    return Measured(seconds, peak, {kind: rows[kind] for kind in KINDS})


DUCKDB = """
import json, sys, time
import duckdb
source, target, out, threads, key = sys.argv[1:5] + [sys.argv[5].split(",")]
start = time.perf_counter()
db = duckdb.connect(config={"threads": int(threads)})
# It would be drawn into what this prints.
db.execute("SET enable_progress_bar = false")
columns = [row[0] for row in db.execute("DESCRIBE FROM read_parquet(?)", [source]).fetchall()]
values = [column for column in columns if column not in key]
on = " AND ".join(f"s.{c} = t.{c}" for c in key)
differs = " OR ".join(f"s.{c} IS DISTINCT FROM t.{c}" for c in values)
pairs = ", ".join(f"s.{c} AS source_{c}, t.{c} AS target_{c}" for c in values)
keys = ", ".join(f"coalesce(s.{c}, t.{c}) AS {c}" for c in key)
db.execute(f'''
    COPY (
        SELECT CASE WHEN t.{key[0]} IS NULL THEN 'missing_in_target' WHEN s.{key[0]} IS NULL THEN 'missing_in_source'
                    ELSE 'value_mismatch' END AS kind, {keys}, {pairs}
        FROM read_parquet('{source}') s FULL OUTER JOIN read_parquet('{target}') t ON {on}
        WHERE s.{key[0]} IS NULL OR t.{key[0]} IS NULL OR {differs}
    ) TO '{out}' (FORMAT parquet)
''')
seconds = time.perf_counter() - start
counts = dict(db.execute(f"SELECT kind, count(*) FROM read_parquet('{out}') GROUP BY 1").fetchall())
print(json.dumps({"seconds": seconds, "counts": counts}))
"""


def run_duckdb(source, target, out, args):
    out.mkdir()
    code, stdout, stderr, _, peak = measure(
        [sys.executable, "-c", DUCKDB, source, target, out / "rows.parquet", args.threads, ",".join(KEY)]
    )
    if code != 0:
        fail("DuckDB", code, stderr)
    answer = json.loads(stdout)
    return Measured(answer["seconds"], peak, answer["counts"])


def run_compara(source, target, out, args):
    out.mkdir()
    code, stdout, stderr, seconds, peak = measure([
        VENV / "compara", "compare", source, target, "-k", ",".join(KEY), "--threads", args.threads,
        "--export-dir", out, "--json", out / "summary.json",
    ])
    if code not in (0, 1):
        fail("compara", code, stderr or stdout)
    counts = json.loads((out / "summary.json").read_text())["counts"]
    names = dict(zip(KINDS, ["changed", "removed", "added"]))
    return Measured(seconds, peak, {kind: counts[names[kind]] for kind in KINDS})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    target_dir = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H scale factor; 1 is 6 million rows")
    parser.add_argument("--runs", type=int, default=3, help="rounds that count")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--strategy", help="force a strategy of tieout")
    parser.add_argument("--tieout", type=Path, default=target_dir / "release" / "tieout")
    parser.add_argument("--data", type=Path, default=target_dir / "benches", help="where the data is made and kept")
    args = parser.parse_args()
    if not args.tieout.exists():
        raise SystemExit(f"{args.tieout} is missing: cargo build --release")

    tools = {"tieout": run_tieout, "DuckDB": run_duckdb, "compara": run_compara}
    if not (VENV / "compara").exists():
        del tools["compara"]
        print("compara is not measured: scripts/setup-tests --benches installs it", file=sys.stderr)
    # In a process of its own: what this one has held would count as the peak of each that it starts.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        source, planted, rows = pool.apply(make_data, [args.data / f"lineitem-{args.scale:g}", args.scale])

    print(f"lineitem, {rows:,} rows a side, 16 columns, {args.threads} threads, median of {args.runs}")
    print(f"{'order':<8} {'tool':<8} {'seconds':>8} {'tieout is':>16} {'peak MiB':>9} {'tieout takes':>14}")
    for order in ["same", "other"]:
        target = source.parent / f"{order}_order.parquet"
        measured = {name: [] for name in tools}
        for turn in range(args.runs + 1):
            for name, run in tools.items():
                with tempfile.TemporaryDirectory() as scratch:
                    one = run(source, target, Path(scratch) / "out", args)
                if one.counts != planted:
                    raise SystemExit(f"{name} counts {one.counts}, planted were {planted} ({order} order)")
                if turn > 0:
                    measured[name].append(one)
        base = None
        for name, runs in measured.items():
            seconds = statistics.median(one.seconds for one in runs)
            peak = statistics.median(one.peak_mib for one in runs)
            base = base or (seconds, peak)
            speed, memory = f"{seconds / base[0]:.2f} x as fast", f"{base[1] / peak:.2f} of it"
            if name == "tieout":
                speed = memory = ""
            print(f"{order:<8} {name:<8} {seconds:>8.2f} {speed:>16} {peak:>9.0f} {memory:>14}", flush=True)


if __name__ == "__main__":
    main()
