"""What a benchmark found, as rows of one Markdown table; the machine; the page of the docs."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xborder import clock

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Bar:
    """A promise in figures: what was measured, the bar, and whether it is held."""

    what: str
    measured: str
    bar: str
    held: bool


def at_most(what: str, measured: float, bar: float, unit: str, digits: int = 2) -> Bar:
    """A bar that the measured value must not exceed."""
    return Bar(what, f"{measured:,.{digits}f} {unit}", f"≤ {bar:g} {unit}", measured <= bar)


def at_least(what: str, measured: float, bar: float, unit: str, digits: int = 0) -> Bar:
    """A bar that the measured value must reach."""
    return Bar(what, f"{measured:,.{digits}f} {unit}", f"≥ {bar:g} {unit}", measured >= bar)


def machine() -> str:
    """Where and when: processor, cores, memory, system, versions, the day."""
    information = Path("/proc/cpuinfo").read_text("utf-8")
    model = re.search(r"^model name\s*: (.+)$", information, re.M)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model[1].strip() if model else platform.machine()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}, polars {pl.__version__}; {clock.today()}"
    )


def markdown(bars: list[Bar]) -> str:
    """The bars as a Markdown table."""
    rows = [
        f"| {one.what} | {one.measured} | {one.bar} | {'yes' if one.held else '**no**'} |"
        for one in bars
    ]
    return "\n".join(["| | measured | bar | held |", "|---|---:|---:|---|", *rows])


def write(section: str, text: str) -> None:
    """Replace what stands between a section's markers in the docs."""
    begin, end = f"<!-- {section}: made by the command -->", f"<!-- {section}: end -->"
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{PAGE}: no markers of the section {section}")
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", "utf-8")
