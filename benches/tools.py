"""How each tool is run, and measured: the wall time of its whole process, and the peak of its resident memory.

The noun is the tool: a function that takes an empty folder to write to, runs once, and gives what was `Measured`. A tool whose
counts are not what was planted ends the bench.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = Path(sys.executable).parent
KINDS = ["value_mismatch", "missing_in_target", "missing_in_source"]


class Failed(Exception):
    """A tool that did not come to its end."""


class Wrong(Exception):
    """A tool that counted otherwise than was planted."""


@dataclass(frozen=True)
class Settings:
    tieout: Path
    data: Path  # where data is made and kept
    scratch: Path  # beside it, for what is written in this run
    threads: int
    scale: float
    runs: int
    large_runs: int
    strategy: str | None  # forced on tieout


@dataclass(frozen=True)
class Pair:
    """Two sides, what they are compared by, and what a tool must find."""

    source: str
    target: str
    key: list
    planted: dict
    reader: str = "read_parquet({})"  # DuckDB's, of a path


@dataclass
class Measured:
    seconds: float  # that count
    peak_mib: float
    process_seconds: float  # of the whole process; the same, but for those that time themselves
    cpu_seconds: float  # of all threads of the whole process
    strategy: str = ""


@dataclass
class Process:
    code: int
    stdout: str
    stderr: str
    seconds: float
    cpu_seconds: float
    peak_mib: float

    def measured(self, seconds=None, strategy=""):
        return Measured(self.seconds if seconds is None else seconds, self.peak_mib, self.seconds, self.cpu_seconds, strategy)

    def fail(self, tool):
        raise Failed(f"{tool} ended with {self.code}: {(self.stderr or self.stdout).strip()[-2000:]}")


def run(command, env=None):
    """Runs a command to its end, with its output to files, so that nobody waits for a pipe."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            env=os.environ | (env or {}),
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        return Process(
            process.returncode, stdout.read().decode(errors="replace"), stderr.read().decode(errors="replace"), seconds,
            usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024,
        )


def expect(tool, counts, planted):
    counts = {kind: counts.get(kind, 0) for kind in KINDS}
    if counts != planted:
        raise Wrong(f"{tool} counts {counts}, planted were {planted}")


def tieout(settings, pair, *options, env=None):
    """`tieout diff` with `--out`: every divergence to its tables."""

    def once(folder):
        strategy = ["--strategy", settings.strategy] if settings.strategy else []
        process = run([
            settings.tieout, "diff", pair.source, pair.target, "--key", ",".join(pair.key), "--out", folder / "out",
            "--format", "json", "-q", "--threads", settings.threads, *strategy, *options,
        ], env)
        if process.code != (1 if any(pair.planted.values()) else 0):
            process.fail("tieout")
        rule = json.loads(process.stdout)["rules"][0]
        expect("tieout", rule["rows"], pair.planted)
        return process.measured(strategy=rule["strategy"])

    return once


def tieout_has(settings, option):
    return option in run([settings.tieout, "diff", "--help"]).stdout


def tieout_sql(settings, query, check):
    """A query of each side in turn by `tieout sql`: the sum of their times, the higher of their peaks."""

    def once(pair, folder):
        datasets = {name: {"parquet": {"path": path}} for name, path in [("s", pair.source), ("t", pair.target)]}
        # JSON is YAML.
        (folder / "tieout.yaml").write_text(json.dumps({"datasets": datasets}))
        sides = []
        for name in datasets:
            sides.append(run([
                settings.tieout, "sql", query.format(name), "--project", folder, "--threads", settings.threads,
                "--format", "json",
            ]))
            if sides[-1].code != 0:
                sides[-1].fail("tieout sql")
        check(*(side.stdout for side in sides))
        seconds, cpu = (sum(getattr(side, what) for side in sides) for what in ["seconds", "cpu_seconds"])
        return Measured(seconds, max(side.peak_mib for side in sides), seconds, cpu)

    return once


def decode(settings, pair):
    """Reads all columns of both sides and drops the rows: no row-by-row tool on this engine can take less."""

    def none(*answers):
        if any(json.loads(answer or "[]") for answer in answers):
            raise Wrong(f"the decoding of both sides kept rows: {answers}")

    once = tieout_sql(settings, "SELECT * FROM {} WHERE random() > 2", none)
    return lambda folder: once(pair, folder)


def checksum(settings, pair):
    """The checksum of all rows of both sides: what a user does who only wants to know whether they agree."""

    def same(source, target):
        if json.loads(source) != json.loads(target):
            raise Wrong(f"the checksums of equal sides differ: {source} and {target}")

    once = tieout_sql(settings, "SELECT checksum(row_digest(*)) FROM {}", same)
    return lambda folder: once(pair, folder)


def duckdb(settings, pair, *, setup=(), packages=None):
    """A full outer join, written as a person who knows DuckDB would; see duckdb_join.py. Its query alone counts."""

    def once(folder):
        spec = {
            "source": pair.reader.format(f"'{pair.source}'"), "target": pair.reader.format(f"'{pair.target}'"),
            "key": pair.key, "out": str(folder / "rows.parquet"), "spill": str(folder / "spill"),
            "threads": settings.threads, "setup": list(setup), "packages": packages,
        }
        # Isolated: the files beside it are no modules of DuckDB's.
        process = run([sys.executable, "-I", HERE / "duckdb_join.py", json.dumps(spec)])
        if process.code != 0:
            process.fail("DuckDB")
        answer = json.loads(process.stdout)
        expect("DuckDB", answer["counts"], pair.planted)
        return process.measured(answer["seconds"])

    return once


def compara(settings, pair):
    """`compara compare --export-dir`: every divergence to CSV."""
    names = dict(zip(KINDS, ["changed", "removed", "added"]))

    def once(folder):
        summary = folder / "summary.json"
        process = run([
            VENV / "compara", "compare", pair.source, pair.target, "-k", ",".join(pair.key),
            "--threads", settings.threads, "--export-dir", folder / "export", "--json", summary,
        ])
        if process.code not in (0, 1):
            process.fail("compara")
        counts = json.loads(summary.read_text())["counts"]
        expect("compara", {kind: counts[names[kind]] for kind in KINDS}, pair.planted)
        return process.measured()

    return once


def read_objects(urls, size):
    """Reads the bytes of these URLs and drops them; see read_objects.py. The reading alone counts."""

    def once(folder):
        listed = folder / "urls"
        listed.write_text("\n".join(urls))
        process = run([sys.executable, "-I", HERE / "read_objects.py", listed])
        if process.code != 0:
            process.fail("the reader of bytes")
        answer = json.loads(process.stdout)
        if answer["bytes"] != size:
            raise Wrong(f"{answer['bytes']} bytes were read, not {size}")
        return process.measured(answer["seconds"])

    return once


def reladiff(pair, planted, *, source, target):
    """Checksums inside both databases, by its default settings; its own options where a user would set them."""
    names = [pair.key[0], "%"]

    def once(folder):
        process = run([
            VENV / "reladiff", *source, *target, "-k", names[0], "-c", names[1], "-a", "hashdiff", "--json",
        ])
        if process.code not in (0, 1):
            process.fail("reladiff")
        # A changed row is told twice: as it was, and as it is. What is wide goes on over lines.
        told = sum(line.startswith(('["-"', '["+"')) for line in process.stdout.splitlines())
        wanted = sum(planted.values()) + planted["value_mismatch"]
        if told != wanted:
            raise Wrong(f"reladiff tells of {told} rows, not of {wanted}")
        return process.measured()

    return once


def command(name, words, stdin=None):
    """Any other program, run to its end."""

    def once(folder):
        process = run(words)
        if process.code != 0:
            process.fail(name)
        return process.measured()

    return once


@dataclass
class Rounds:
    """What each tool took in each round that counts."""

    measured: dict
    failed: dict = field(default_factory=dict)

    def paired(self, tool, other, what="seconds"):
        """Round by round: how much of `other` the tool took; empty if one of them has failed."""
        if tool not in self.measured or other not in self.measured:
            return []
        pairs = zip(self.measured[tool], self.measured[other])
        return [getattr(one, what) / getattr(two, what) for one, two in pairs]

    def each(self, tool, what):
        return [getattr(one, what) for one in self.measured[tool]]

    def median(self, tool, what):
        return statistics.median(self.each(tool, what))


def take_turns(settings, tools, runs=None, may_fail=()):
    """A round not counted, then `runs` rounds, in each of which every tool runs once: what else the machine does hits all."""
    tools = dict(tools)
    rounds = Rounds({name: [] for name in tools})
    for turn in range((runs or settings.runs) + 1):
        for name, once in list(tools.items()):
            folder = Path(tempfile.mkdtemp(dir=settings.scratch))
            try:
                measured = once(folder)
            except Failed as failure:
                if name not in may_fail:
                    raise
                rounds.failed[name] = str(failure)
                del tools[name], rounds.measured[name]
                continue
            finally:
                shutil.rmtree(folder)
            if turn > 0:
                rounds.measured[name].append(measured)
    return rounds
