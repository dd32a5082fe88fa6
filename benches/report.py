"""What the bench prints, and writes to BENCHMARKS.md: one table of ratios with their goals, one of what each tool took."""

import importlib.metadata
import os
import platform
import statistics
import subprocess
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tools import Rounds

UNITS = {"x": "{:.2f} x", "GiB": "{:.2f} GiB", "ms": "{:.0f} ms"}
GOALS = {"x": "{:g} x", "GiB": "{:g} GiB", "ms": "{:g} ms"}


@dataclass
class Line:
    """One figure of tieout's, of which less is better: a value a round, and how much it may be; no goal: for information."""

    work: str
    what: str
    values: list
    goal: float | None = None
    unit: str = "x"

    def cells(self):
        median = statistics.median(self.values) if self.values else None
        shown = "not measured" if median is None else UNITS[self.unit].format(median)
        # As it is shown, so that no reader sees 0.60 missed by 0.6.
        rounded = median is not None and round(median, 0 if self.unit == "ms" else 2)
        verdict = "" if self.goal is None or median is None else "yes" if rounded <= self.goal else "NO"
        return [self.work, self.what, shown, "" if self.goal is None else "<= " + GOALS[self.unit].format(self.goal), verdict]


@dataclass
class Section:
    """One work: what it was about, what the tools took in it, and the lines that this makes."""

    work: str
    about: str
    rounds: Rounds
    lines: list
    notes: list = field(default_factory=list)

    def tools(self):
        for name in self.rounds.measured:
            strategy = self.rounds.measured[name][0].strategy
            figures = ["seconds", "process_seconds", "cpu_seconds", "peak_mib"]
            counted, process, cpu, peak = (self.rounds.median(name, what) for what in figures)
            yield [
                self.work, f"{name} ({strategy})" if strategy else name, f"{counted:.3f}",
                f"{process:.3f}" if process != counted else "", f"{cpu:.3f}", f"{peak:.0f}",
            ]

    def remarks(self):
        return self.notes + [f"{name} did not end: {last_line(why)}" for name, why in self.rounds.failed.items()]


RATIO_HEAD = ["work", "tieout's", "measured", "goal", "met"]
TOOL_HEAD = ["work", "tool", "seconds", "whole process", "CPU seconds", "peak MiB"]


def last_line(text):
    return text.strip().splitlines()[-1]


def print_section(section):
    print(f"\n{section.work}: {section.about}")
    print(plain(TOOL_HEAD[1:], [row[1:] for row in section.tools()]))
    for remark in section.remarks():
        print(f"  {remark}")
    print(plain(RATIO_HEAD[1:], [line.cells()[1:] for line in section.lines]), flush=True)


def print_summary(sections):
    rows = [line.cells() for section in sections for line in section.lines]
    print("\n" + plain(RATIO_HEAD, rows))
    print(tally(rows))


def tally(rows):
    verdicts = [row[-1] for row in rows]
    return f"{verdicts.count('yes')} of {verdicts.count('yes') + verdicts.count('NO')} goals are met."


def plain(head, rows):
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    return "\n".join("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *rows])


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def write(path, settings, sections, not_run):
    ratios = [line.cells() for section in sections for line in section.lines]
    abouts = [f"- **{section.work}**: {'. '.join([section.about, *section.remarks()])}." for section in sections]
    text = f"""# Benchmarks

Written by `make bench` on {date.today()}, in one run; [benches/README.md](benches/README.md) tells what is measured, and why
it is fair. Less is better everywhere. {tally(ratios)}

- {machine()}, {settings.threads} threads for each tool
- {versions(settings)}
- rounds in which the tools take turns, of which the median counts: {settings.runs}; for the large works {settings.large_runs}
{f'- not in this run: {", ".join(not_run)}' if not_run else ''}

## Ratios

{markdown(RATIO_HEAD, ratios)}

## What each took

DuckDB's seconds are of its query alone; so are those of the reader of bytes. *Whole process* tells what they took with Python.
*CPU seconds* are of all threads of the whole process: on a machine that does other things besides, they differ less.

{markdown(TOOL_HEAD, [row for section in sections for row in section.tools()])}

## The works

{chr(10).join(abouts)}
"""
    Path(path).write_text(text.replace("\n\n\n", "\n\n"))


def machine():
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = models[0] if models else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB of memory, {platform.system()}"


def versions(settings):
    def installed(package):
        try:
            return f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            return f"no {package}"

    tieout = subprocess.run([settings.tieout, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return ", ".join([tieout, installed("duckdb"), installed("compara"), f"Python {platform.python_version()}"])
