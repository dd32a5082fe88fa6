#!/usr/bin/env python3
"""Measures tieout against its peers and against its own limits, in one run, and prints ratios with their goals.

    make bench                                      # everything but the large works
    make bench LARGE=1                              # with 60 million rows
    python benches/suite.py --only csv,wide --runs 3
    python benches/suite.py --large --write         # and writes BENCHMARKS.md
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from report import machine, print_section, print_summary, versions, write
from tools import Failed, Settings, Wrong
from works import ASKED_FOR, WORKS

ROOT = Path(__file__).resolve().parent.parent


def arguments():
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help=f"works to run, of {', '.join(WORKS)}", metavar="WORK,...")
    parser.add_argument("--large", action="store_true", help="also the large works: ten times the rows")
    parser.add_argument("--scale", type=float, default=1.0, help="of all data; 1 is 6 million rows of lineitem")
    parser.add_argument("--runs", type=int, default=5, help="rounds that count")
    parser.add_argument("--large-runs", type=int, default=1, help="rounds that count in the large works")
    parser.add_argument("--threads", type=int, default=2, help="of every tool")
    parser.add_argument("--strategy", help="force a strategy of tieout")
    parser.add_argument("--tieout", type=Path, default=target / "release" / "tieout")
    parser.add_argument("--data", type=Path, default=target / "benches", help="where the data is made and kept")
    parser.add_argument("--write", action="store_true", help="write BENCHMARKS.md")
    args = parser.parse_args()
    if not args.tieout.exists():
        parser.error(f"{args.tieout} is missing: cargo build --release")
    if args.runs < 1 or args.large_runs < 1:
        parser.error("at least one round must count")
    names = args.only.split(",") if args.only else [name for name in WORKS if name not in ASKED_FOR]
    if args.large:
        names += [name for name in ASKED_FOR if name not in names]
    if unknown := [name for name in names if name not in WORKS]:
        parser.error(f"there is no work {', '.join(unknown)}; there are {', '.join(WORKS)}")
    return args, names


def run(settings, names):
    sections = []
    for name in names:
        start = time.monotonic()
        for section in WORKS[name](settings):
            print_section(section)
            sections.append(section)
        print(f"{name} took {time.monotonic() - start:.0f} s", file=sys.stderr)
    return sections


def main():
    args, names = arguments()
    args.data.mkdir(parents=True, exist_ok=True)
    # On the disk of the data: what tools write there costs all the same, and files can be linked.
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=args.data.resolve()))
    settings = Settings(
        tieout=args.tieout.resolve(), data=args.data.resolve(), scratch=scratch, threads=args.threads, scale=args.scale,
        runs=args.runs, large_runs=args.large_runs, strategy=args.strategy,
    )
    # Where memory ends, a tool of this bench is to go, not what else runs here. Inherited by all that it starts.
    if (score := Path("/proc/self/oom_score_adj")).exists():
        score.write_text("500")
    # So that servers are stopped, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    print(f"{machine()}, {settings.threads} threads\n{versions(settings)}", flush=True)
    try:
        sections = run(settings, names)
    except (Failed, Wrong) as wrong:
        sys.exit(f"{wrong}\nThere is no table: something must be mended first.")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print_summary(sections)
    if args.write:
        write(ROOT / "BENCHMARKS.md", settings, sections, [name for name in WORKS if name not in names])


if __name__ == "__main__":
    main()
