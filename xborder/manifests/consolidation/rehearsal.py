"""The rehearsal of a month (汇总预演): what is due, what it would make, and what stays out.

It declares nothing: customs merges. The same state of registry, lake, tables and settings makes
the same bytes.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl
from sqlalchemy import Connection

from xborder.findings import Finding
from xborder.manifests.consolidation import eligible, merging, statistics
from xborder.manifests.consolidation.eligible import OfMonth
from xborder.manifests.consolidation.merging import Merged
from xborder.registry.home import Home
from xborder.registry.store import Store
from xborder.schemas.working_days import DueDay, due_day

FOLDER = "consolidations"

APPLICATION_KEY = (
    "exporter", "ebcCode", "customsCode", "agentCode", "declAgentCode", "loctNo", "tradeMode",
    "itemNameFlag",
)  # fmt: skip
"""What the lists of one application (701) share; all of it is part of ``merging.HEAD_KEY``."""


@dataclass(frozen=True)
class Rehearsal:
    """A month of one exporter. ``merged.declarations`` has ``application`` besides (from 1):
    the application that would name its lists. ``notices`` are for the operator."""

    exporter: str
    month: date
    due: DueDay
    found: OfMonth
    merged: Merged
    statistics: pl.DataFrame
    notices: list[Finding]
    summary_flag: str


def rehearse(c: Connection, home: Home, exporter: str, month: date) -> Rehearsal:
    """Rehearse the consolidation of an exporter's lists that were cleared in a month."""
    profile = home.exporters.get(exporter)
    found = eligible.of_month(c, home.store, home.settings, exporter, profile, month)
    return of(exporter, month, found, home)


def of(exporter: str, month: date, found: OfMonth, home: Home) -> Rehearsal:
    """The rehearsal of lists that were found already."""
    settings = home.settings
    merged = merging.merge(
        found.heads, found.items, settings.declaration_lines, settings.summary_flag
    )
    numbers = applications(merged.declarations)
    merged = Merged(
        merged.declarations.join(numbers, on=APPLICATION_KEY, how="left", maintain_order="left"),
        merged.lines,
        merged.items,
    )
    due = due_day(home.tables, month)
    counted = statistics.of_flag_a(found.flag_a, home.tables)
    notices = _notices(due, merged, settings.summary_flag)
    return Rehearsal(exporter, month, due, found, merged, counted, notices, settings.summary_flag)


def applications(rows: pl.DataFrame) -> pl.DataFrame:
    """The applications of some heads or declarations: ``APPLICATION_KEY`` and ``application``."""
    shared = rows.select(pl.col(APPLICATION_KEY).fill_null("")).unique().sort(APPLICATION_KEY)
    return shared.with_columns(application=pl.int_range(1, pl.len() + 1))


def _notices(due: DueDay, merged: Merged, summary_flag: str) -> list[Finding]:
    told = []
    if not due.known:
        told.append(Finding("HOLIDAYS_UNKNOWN", value=due.day.isoformat()))
    if summary_flag != "2" and merged.declarations.height:
        told.append(Finding("SUMMARY_BY_CONSIGNOR", value=summary_flag, expected="2"))
    held = merged.declarations.filter("held")["declaration"].to_list()
    if held:
        told.append(Finding("FEES_NOT_MERGED", value=", ".join(map(str, held))))
    return told


def place(exporter: str, month: date) -> tuple[str, str, str]:
    """The parts of a month's folder in the store."""
    return (FOLDER, exporter, f"{month:%Y-%m}")


def tables_of(one: Rehearsal) -> dict[str, pl.DataFrame]:
    """What is stored of a rehearsal, by file name without ``.parquet``."""
    return {
        "declarations": one.merged.declarations,
        "lines": one.merged.lines,
        "items": one.merged.items,
        "excluded": one.found.excluded,
        "statistics": one.statistics,
    }


def write(store: Store, one: Rehearsal, book: bytes, *parts: str) -> list[str]:
    """Put a rehearsal into a folder of the store; the paths, relative to the store."""
    names = []
    for name, frame in tables_of(one).items():
        store.write_parquet(frame, *parts, f"{name}.parquet")
        names.append("/".join((*parts, f"{name}.parquet")))
    store.write_bytes((*parts, "preview.xlsx"), book)
    return [*names, "/".join((*parts, "preview.xlsx"))]
