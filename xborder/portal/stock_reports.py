"""The stock reports that were written (海外仓报告), by their day: ``reports/<day>/`` in the store."""

import re
from dataclasses import dataclass

from xborder.registry.home import Home

FOLDER = ("reports",)
FILES = {
    "stock.html": "text/html; charset=utf-8",
    "stock.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "stock.parquet": "application/vnd.apache.parquet",
}
"""What the page gives out of a report's folder, and as which type."""

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


@dataclass(frozen=True)
class Report:
    """The report of one day, and which of its files are there."""

    day: str
    files: tuple[str, ...]


def written(home: Home) -> list[Report]:
    """All reports, the newest first."""
    if not home.store.exists(*FOLDER):
        return []
    days = [
        one.name
        for one in home.store.path(*FOLDER).iterdir()
        if re.fullmatch(_DAY, one.name, re.ASCII)
    ]
    found = [
        Report(day, tuple(name for name in FILES if home.store.exists(*FOLDER, day, name)))
        for day in sorted(days, reverse=True)
    ]
    return [one for one in found if one.files]


def file(home: Home, day: str, name: str) -> bytes | None:
    """A file of a report, or None when there is none."""
    if name not in FILES or not re.fullmatch(_DAY, day, re.ASCII):
        return None
    try:
        return home.store.read_bytes((*FOLDER, day, name))
    except FileNotFoundError:
        return None
