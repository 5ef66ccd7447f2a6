"""The whole job against its floor: CPU a line, how it grows, and the memory that it takes.

    python -m bench.bench_pipeline --lines 1000000 --repeats 3
    python -m bench.bench_pipeline --ten-million

Each run is a process of its own (``job.py``, ``floor.py``), CPU time is that of the process
and its children, runs take turns, medians count. After each job the counts are held against
what the generator put in, and after each floor every message against the job's, byte by byte:
a run that differs ends the benchmark with an error. Exits with 1 when a bar is not held.
"""

import argparse
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

from bench import generate, table
from bench.process import SCRATCH, Run, run

LESS = 10
"""The smaller run has a tenth of the lines: its cost a line is what the larger is held against."""

MOST = {"floor": 2.0, "growth": 1.1, "peak": 800.0, "bytes a line": 24.0, "minutes": 3.0}
"""The bars: times the floor, cost a line against the smaller run, MB, bytes, minutes."""


class WrongError(RuntimeError):
    """A run's result is not what was put in: its figures mean nothing."""


def job(data: Path, home: Path, facts: dict[str, Any]) -> Run:
    """One run of the job into a fresh home; its result is verified."""
    remove(home)
    done = run("bench/job.py", str(data), str(home), XBORDER_NOW=generate.NOW)
    verify(home, facts, done.told)
    return done


def floor(data: Path, home: Path, out: Path) -> Run:
    """One run of the floor; its CPU time is that of its start and of what it measures."""
    remove(out)
    done = run("bench/floor.py", str(data), str(home), str(out), XBORDER_NOW=generate.NOW)
    done.cpu = sum(one.cpu for one in done.stages.values())
    remove(out)
    return done


def remove(home: Path) -> None:
    """Remove a home and its key."""
    shutil.rmtree(home, ignore_errors=True)
    home.with_name(f"{home.name}.key").unlink(missing_ok=True)


def verify(home: Path, facts: dict[str, Any], told: dict[str, Any]) -> None:
    """Orders in = accepted + held, faults put in = orders held, every accepted order in both
    messages once. Raises WrongError."""
    found = {"Order": 0, "Inventory": 0}
    for message in home.glob("manifests/*/*/*.xml"):
        content = message.read_bytes()
        entity = "Order" if message.name.startswith("CEB303") else "Inventory"
        found[entity] += content.count(f"<ceb:{entity}Head>".encode())
    sound = facts["orders"] - facts["bad_orders"]
    wanted = {"accepted": sound, "held": facts["bad_orders"], "claimed": sound, "lists": sound}
    for name, number in wanted.items():
        if told[name] != number:
            raise WrongError(f"{told[name]} {name}, not {number}")
    if set(found.values()) != {sound}:
        raise WrongError(f"the messages hold {found}, not {sound} of each")


def median(runs: list[Run], lines: int, without: str = "") -> float:
    """CPU of the middle run, in µs a line, perhaps without one of its stages."""
    spent = [one.cpu - (one.stages[without].cpu if without else 0) for one in runs]
    return statistics.median(spent) / lines * 1e6


def measure(lines: int, repeats: int, scratch: Path) -> tuple[list[table.Bar], str]:
    """Job and floor of ``lines`` lines and job of a tenth of them, in turns; bars and stages."""
    sizes = (lines, lines // LESS)
    data = {size: scratch / f"lines-{size}" for size in sizes}
    facts = {size: generate.generate(data[size], size) for size in sizes}
    home = scratch / "home"
    jobs: dict[int, list[Run]] = {size: [] for size in sizes}
    floors: list[Run] = []
    for _ in range(repeats):
        jobs[sizes[1]].append(job(data[sizes[1]], home, facts[sizes[1]]))
        jobs[lines].append(job(data[lines], home, facts[lines]))
        floors.append(floor(data[lines], home, scratch / "floor"))
    remove(home)
    cost, least = median(jobs[lines], lines), median(floors, lines)
    # Without the start: spread over few lines it would hide what grows.
    growth = median(jobs[lines], lines, "start") / median(jobs[sizes[1]], sizes[1], "start")
    peak = max(one.peak for one in jobs[lines]) / 1e6
    bars = [
        table.at_most(f"the whole job, {lines:,} lines, against its floor", cost / least,
                      MOST["floor"], "×"),
        table.at_most(f"its cost a line against that at {sizes[1]:,} lines", growth,
                      MOST["growth"], "×"),
        table.at_most("its peak memory, all processes", peak, MOST["peak"], "MB", 0),
    ]  # fmt: skip
    return bars, stages(jobs[lines], floors, lines)


def stages(jobs: list[Run], floors: list[Run], lines: int) -> str:
    """What each stage of job and floor costs, as a Markdown table."""
    rows = ["| | stage | µs CPU a line | s wall | peak MB |", "|---|---|---:|---:|---:|"]
    for who, runs in (("job", jobs), ("floor", floors)):
        for name in runs[0].stages if runs else ():
            parts = [one.stages[name] for one in runs]
            rows.append(
                f"| {who} | {name} | {statistics.median(p.cpu for p in parts) / lines * 1e6:.2f} "
                f"| {statistics.median(p.wall for p in parts):.1f} "
                f"| {max(p.peak for p in parts) / 1e6:.0f} |"
            )
        if runs:
            wall = statistics.median(one.wall for one in runs)
            rows.append(f"| {who} | all | {median(runs, lines):.2f} | {wall:.1f} "
                        f"| {max(one.peak for one in runs) / 1e6:.0f} |")  # fmt: skip
    return "\n".join(rows)


def ten_million(scratch: Path, lines: int = 10_000_000) -> tuple[list[table.Bar], str]:
    """The job at ten million lines, and how its memory grows from a tenth of them."""
    runs = {}
    sizes = (lines // LESS, lines)
    facts = {size: generate.generate(scratch / f"lines-{size}", size) for size in sizes}
    for size in sizes:
        runs[size] = job(scratch / f"lines-{size}", scratch / f"home-{size}", facts[size])
    # Only now: a file system is slow to make files where many were removed a moment ago.
    for size in sizes:
        remove(scratch / f"home-{size}")
    large, small = runs[lines], runs[lines // LESS]
    more = (large.peak - small.peak) / (lines - lines // LESS)
    bars = [
        table.at_most(f"the whole job, {lines:,} lines", large.wall / 60, MOST["minutes"],
                      "minutes"),
        table.at_most(f"memory that it takes more than at {lines // LESS:,} lines", more,
                      MOST["bytes a line"], "bytes a line", 1),
    ]  # fmt: skip
    return bars, stages([large], [], lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scratch", type=Path, default=SCRATCH)
    parser.add_argument("--ten-million", action="store_true")
    parser.add_argument("--write-docs", action="store_true", help="the table of ten million lines")
    asked = parser.parse_args()
    if asked.ten_million:
        bars, told = ten_million(asked.scratch)
    else:
        bars, told = measure(asked.lines, asked.repeats, asked.scratch)
    text = f"{table.machine()}\n\n{table.markdown(bars)}\n\n{told}"
    print(text)
    if asked.write_docs and asked.ten_million:
        table.write("bench-10m", text)
    return 0 if all(one.held for one in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
