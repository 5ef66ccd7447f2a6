"""The stock report (海外仓库存报告): built from movements and declared lines, written as files."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from upath import UPath

from xborder.registry.store import Store
from xborder.stock import ageing, chain, entries, exceptions, ledger, settlement, tables


@dataclass(frozen=True)
class StockReport:
    """The report of one day; each frame has the columns of ``tables.COLUMNS``.

    ``stock``: the identity per account from ``since`` (None: the first movement) to the day;
    ``day``: the same for the day alone, of the accounts that moved; ``statements``: balances
    that warehouses stated against the computed ones; ``exceptions``; ``in_transit`` per
    declared line and manifest; ``ageing`` and its ``layers``; ``chain``: declared, received,
    sold per SKU; ``settlement``: unsold declared lines with their deadline. ``counts``:
    movements read, and how many were counted, replayed, refused or dated later (they add up).
    """

    report_date: date
    since: date | None
    exporters: Mapping[str, str]
    counts: Mapping[str, int]
    stock: pl.DataFrame
    day: pl.DataFrame
    statements: pl.DataFrame
    exceptions: pl.DataFrame
    in_transit: pl.DataFrame
    ageing: pl.DataFrame
    layers: pl.DataFrame
    chain: pl.DataFrame
    settlement: pl.DataFrame

    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables by name, in the order in which they are shown."""
        return {name: getattr(self, name) for name in tables.COLUMNS}


def build(
    movements: pl.DataFrame,
    declared: pl.DataFrame,
    report_date: date,
    exporters: Mapping[str, str] | None = None,
    since: date | None = None,
) -> StockReport:
    """Compute the report of one day from all movements and all declared 9810 lines.

    ``movements`` has the columns ``entries.MOVEMENTS``, ``declared`` those of ``chain.DECLARED``
    (text; quantities plain decimal text); the order of their rows does not matter. ``exporters``
    gives display names by id. What does not fit is a row of ``exceptions``, never an error.
    """
    read = entries.read(movements, report_date)
    followed = chain.follow(read.entries, declared, report_date)
    left = ageing.layers(read.entries, report_date)
    unsettled = settlement.unsettled(followed.lines, report_date)
    frames = {
        "stock": ledger.balances(read.entries, since, report_date),
        "day": ledger.moved_on(read.entries, report_date),
        "statements": ledger.statements(read.entries),
        "exceptions": exceptions.collect(read, followed, unsettled),
        "in_transit": followed.lines.filter(pl.col("in_transit") > 0),
        "ageing": ageing.by_age(left),
        "layers": left,
        "chain": followed.summary,
        "settlement": unsettled,
    }
    return StockReport(
        report_date=report_date,
        since=since,
        exporters=dict(exporters or {}),
        counts=read.counts,
        **{name: frame.select(tables.COLUMNS[name]) for name, frame in frames.items()},
    )


def parquet(frame: pl.DataFrame, table: str) -> bytes:
    """A table of the report as Parquet (zstd) under its named schema."""
    target = io.BytesIO()
    pq.write_table(frame.to_arrow().cast(tables.schema(table)), target, compression="zstd")
    return target.getvalue()


def render(report: StockReport) -> dict[str, bytes]:
    """The report's files by name: ``stock.parquet`` and the other tables, XLSX and HTML.

    The same report gives the same bytes.
    """
    from xborder.stock import page, workbook

    made = {
        ("stock.parquet" if name == "stock" else f"stock_{name}.parquet"): parquet(frame, name)
        for name, frame in report.frames().items()
    }
    return made | {"stock.xlsx": workbook.render(report), "stock.html": page.render(report)}


def write(report: StockReport, target: Path | Store, *parts: str) -> dict[str, UPath]:
    """Write the report's files under a folder or a store; each appears whole or not at all.

    ``parts`` name the folder in the store (``"reports", "stock", "2026-11-20"``). Returns the
    paths by file name. Raises OSError when nothing can be written there.
    """
    store = target if isinstance(target, Store) else Store(target.absolute().as_uri())
    return {
        name: store.write_bytes((*parts, name), content) for name, content in render(report).items()
    }
