"""Answers (答复): all that stands of an upload now, each finding at the user's own cell.

Four hands tell it: the reading of the file, the last check of each of its orders, customs
(``refusals``), and the registry itself (an order that a list has declared and that this file
changes, a number that is taken). It comes in parts, so that a file with a million findings can be counted without
being held.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, Engine

from xborder import findings
from xborder.checks import destinations
from xborder.registry import (
    checkings,
    contradictions,
    queries,
    readings,
    refusals,
    retold,
    uploads,
    volumes,
)
from xborder.registry.database import reading
from xborder.registry.entries import STATUS_COLUMNS
from xborder.registry.staging import fetch, run, stage
from xborder.registry.store import Store

CHANGED = "CHANGED_AFTER_ISSUE"

MOST_A_CAUSE = 1000
"""Findings of one cause that are shown; all are counted, and all are stored."""

TOTALS = {"code": pl.String, "severity": pl.String, "cells": pl.Int64, "orders": pl.Int64}
"""A cause: how many findings it has, and how many orders they concern."""

_PART = 100_000


@dataclass(frozen=True)
class Answer:
    """``found``: findings, at most so many a cause; ``totals``: all of them by cause (columns
    ``TOTALS``), the most frequent first."""

    found: pl.DataFrame
    totals: pl.DataFrame


def answer(
    engine: Engine, store: Store, upload_ids: Iterable[int], most: int = MOST_A_CAUSE
) -> Answer:
    """What stands of these uploads: the first ``most`` findings of each cause, all counted."""
    first = [findings.empty().with_columns(pl.lit(None, pl.Int64).alias("upload_id"))]
    counted = [pl.DataFrame(schema=TOTALS).drop("orders")]
    named = [pl.DataFrame(schema={"code": pl.String, "order": pl.UInt64})]
    for upload_id in upload_ids:
        for part in parts_of(engine, store, upload_id):
            before = counted[0].select("code", "cells")
            nth = pl.int_range(pl.len()).over("code") + pl.col("cells").fill_null(0)
            shown = part.join(before, on="code", how="left", maintain_order="left")
            first.append(shown.filter(nth < most).drop("cells"))
            more = part.group_by("code", "severity").agg(pl.len().cast(pl.Int64).alias("cells"))
            counted = [
                pl.concat([*counted, more]).group_by("code", "severity").agg(pl.col("cells").sum())
            ]
            # Eight bytes an order and cause: the same order may be named by several parts.
            order = pl.struct("upload_id", "order_no").hash().alias("order")
            named = [pl.concat([*named, part.select("code", order)]).unique()]
    totals = counted[0].join(
        named[0].group_by("code").agg(pl.len().cast(pl.Int64).alias("orders")), on="code"
    )
    return Answer(
        pl.concat(first),
        totals.select(*TOTALS).sort("cells", "code", descending=[True, False]),
    )


def findings_of(engine: Engine, store: Store, upload_id: int) -> pl.DataFrame:
    """All findings of an upload that stand now; columns ``FINDINGS`` and ``upload_id``."""
    return pl.concat(
        [
            findings.empty().with_columns(pl.lit(None, pl.Int64).alias("upload_id")),
            *parts_of(engine, store, upload_id),
        ]
    )


def parts_of(engine: Engine, store: Store, upload_id: int) -> Iterator[pl.DataFrame]:
    """The same in parts: what the reading told, each check, customs, what checks tell of the
    file as a whole, the registry."""
    columns = [*findings.FINDINGS, "upload_id"]
    of_file = pl.col("code").is_in(destinations.told_once_a_file())
    once = []
    for part in _stored(store, *readings.folder(upload_id), "findings.parquet"):
        yield part.select(columns)
    with reading(engine) as connection:
        for check_id, inputs in _checks(connection, upload_id):
            folder = checkings.folder(check_id)
            for part in _stored(store, *folder, "findings.parquet"):
                own = part.filter(pl.col("upload_id") == upload_id)
                once.append(own.filter(of_file).with_columns(pl.lit(inputs).alias("inputs")))
                own = own.filter(~of_file)
                if own.height:
                    current = _current(connection, upload_id, check_id, own)
                    yield own.join(current, on="order_no", how="semi").select(columns)
        if (ended := refusals.of_upload(connection, store, upload_id)).height:
            yield ended.select(columns)
        if any(part.height for part in once):
            yield destinations.put_together(pl.concat(once)).select(columns)
        own = pl.concat(
            [
                queries.findings_of(connection, upload_id),
                contradictions.of_upload(connection, upload_id),
                retold.orders(connection, store, upload_id),
                retold.moved(connection, store, upload_id),
            ]
        )
        changed = _changed(connection, upload_id) if own.height else pl.DataFrame()
    if own.height:
        told = _placed(store, upload_id, own, changed)
        yield told.with_columns(pl.lit(upload_id, pl.Int64).alias("upload_id")).select(columns)


def _stored(store: Store, *parts: str) -> Iterator[pl.DataFrame]:
    """A stored table in parts of some ten thousand rows."""
    if not store.exists(*parts):
        return
    blocks: list[int] = []
    rows = 0
    for block, size in enumerate(store.block_rows(*parts)):
        if rows and rows + size > _PART:
            yield store.read_parquet(*parts, blocks=blocks)
            blocks, rows = [], 0
        blocks, rows = [*blocks, block], rows + size
    if rows:
        yield store.read_parquet(*parts, blocks=blocks)


def _checks(c: Connection, upload_id: int) -> list[tuple[int, str]]:
    """The last checks of the orders whose content comes from an upload, each with the version
    of what it checked them against."""
    found = run(
        c,
        """
        SELECT DISTINCT o.check_id, k.inputs
        FROM appearances e JOIN orders o ON o.id = e.order_id
        JOIN uploads u ON u.id = e.upload_id
        LEFT JOIN checks k ON k.id = o.check_id AND k.exporter = u.exporter
        WHERE e.upload_id = :upload AND o.upload_id = :upload AND o.check_id IS NOT NULL
        ORDER BY 1
        """,
        upload=upload_id,
    )
    return [(int(check_id), inputs or "") for check_id, inputs in found]


def _current(c: Connection, upload_id: int, check_id: int, found: pl.DataFrame) -> pl.DataFrame:
    """Which of the orders with findings have this check as their last; column order_no."""
    upload = uploads.get(c, upload_id)
    account = volumes.any_of(c, upload.exporter, upload.channel, upload.shop)
    stage(c, "named", found.select("order_no").drop_nulls().unique())
    current = fetch(
        c,
        f"""
        SELECT o.order_no FROM named n
        CROSS JOIN orders o
        WHERE o.shop_id IN {volumes.OF_SHOP} AND o.order_no = n.order_no
          AND o.check_id = :check AND o.upload_id = :upload
        """,  # noqa: S608
        {"order_no": pl.String},
        shop=account,
        check=check_id,
        upload=upload_id,
    )
    run(c, "DROP TABLE named")
    return current


_CHANGED = {"order_no": pl.String, "block": pl.Int64, "stands_in": pl.Int64, "old_block": pl.Int64}


def _changed(c: Connection, upload_id: int) -> pl.DataFrame:
    """Orders of an upload that it changes after their list was issued: where the content of
    each lies, here and where it was declared from."""
    return fetch(
        c,
        """
        SELECT o.order_no, e.block, o.upload_id, o.block
        FROM order_entries e JOIN orders o ON o.id = e.order_id
        WHERE e.upload_id = :upload AND e.outcome = 'changed_after_issue'
        ORDER BY e.first_row, o.id
        """,
        _CHANGED,
        upload=upload_id,
    )


def _placed(store: Store, upload_id: int, own: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """The registry's findings at cells; a changed order's at each cell that differs."""
    if not store.exists(*readings.folder(upload_id), "columns.json"):
        return own
    placed = readings.columns_of(store, [upload_id]).select("sheet", "field", "letter", "header")
    differing = _differences(store, upload_id, changed, placed.get_column("field"))
    rest = own.join(differing, on=["code", "order_no"], how="anti")
    rest = _with_sheets(store, upload_id, rest, placed.get_column("sheet").unique())
    told = own.join(differing.select("code", "order_no").unique(), on=["code", "order_no"]).drop(
        "sheet", "row", "field", "value", "expected"
    )
    both = pl.concat(
        [
            rest.with_columns(pl.col("sheet").fill_null("")).select(*findings.FINDINGS),
            told.join(differing, on=["code", "order_no"]).select(*findings.FINDINGS),
        ]
    )
    return (
        both.join(placed, on=["sheet", "field"], how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("letter").is_not_null() & pl.col("row").is_not_null())
            .then(pl.col("letter") + pl.col("row").cast(pl.String))
            .otherwise("cell")
            .alias("cell"),
            pl.coalesce("header", "column").alias("column"),
            pl.col("field").str.replace("#.*$", ""),
        )
        .select(*findings.FINDINGS)
        .sort("row", "code", maintain_order=True)
    )


def _with_sheets(
    store: Store, upload_id: int, told: pl.DataFrame, sheets: pl.Series
) -> pl.DataFrame:
    """The sheet on which each order stands that the registry only knows by its row."""
    of_orders = pl.col("order_no").fill_null("") != ""
    if sheets.len() == 1:
        only = pl.when(of_orders).then(pl.lit(sheets.item())).otherwise("sheet").alias("sheet")
        return told.with_columns(only)
    if sheets.is_empty() or told.filter(of_orders).is_empty():
        return told
    # Files of several sheets are workbooks, and small.
    where = (*readings.folder(upload_id), "records.parquet")
    read = store.read_parquet(*where, columns=["order_no", "sheet"])
    first = read.unique("order_no", keep="first", maintain_order=True)
    return told.drop("sheet").join(first, on="order_no", how="left", maintain_order="left")


def _differences(
    store: Store, upload_id: int, changed: pl.DataFrame, fields: pl.Series
) -> pl.DataFrame:
    """Cells of changed orders that differ from what was declared: the present value and the
    declared one, line by line. Columns: code, order_no, sheet, row, field, value, expected.

    ``fields``: those of the file's columns; of goods that stand side by side also ``qty#2``.
    """
    parts = [
        pl.DataFrame(
            schema={
                "code": pl.String, "order_no": pl.String, "sheet": pl.String, "row": pl.UInt32,
                "field": pl.String, "value": pl.String, "expected": pl.String,
            }
        )
    ]  # fmt: skip
    for (before,), own in changed.group_by("stands_in", maintain_order=True):
        new = readings.lines_in(store, upload_id, own.select("order_no", "block"))
        there = own.select("order_no", pl.col("old_block").alias("block"))
        old = readings.lines_in(store, int(str(before)), there)
        both = _line_by_line(new, old)
        content = [name for name in new.columns if f"{name}.declared" in both.columns]
        for name in content:
            if name in ("sheet", "row", "order_row", *STATUS_COLUMNS):
                continue
            own_goods = pl.concat_str(pl.lit(f"{name}#"), "line_no")
            parts.append(
                both.filter(pl.col(name).ne_missing(pl.col(f"{name}.declared"))).select(
                    pl.lit(CHANGED).alias("code"),
                    "order_no",
                    "sheet",
                    "row",
                    pl.when(own_goods.is_in(fields.implode()))
                    .then(own_goods)
                    .otherwise(pl.lit(name))
                    .alias("field"),
                    pl.col(name).fill_null("").alias("value"),
                    pl.col(f"{name}.declared").fill_null("").alias("expected"),
                )
            )
    return pl.concat(parts)


def _line_by_line(new: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Each line beside the one it was: the same goods first, then by place in the order."""
    goods = ["order_no", "sku", "nth"]
    nth = pl.int_range(pl.len()).over("order_no", "sku").alias("nth")
    place = pl.int_range(pl.len()).over("order_no").alias("place")
    new, old = new.with_columns(nth), old.with_columns(nth)
    same = new.join(old, on=goods, suffix=".declared", nulls_equal=True, coalesce=False)
    other = (
        new.join(old, on=goods, how="anti", nulls_equal=True)
        .with_columns(place)
        .join(
            old.join(new, on=goods, how="anti", nulls_equal=True).with_columns(place),
            on=["order_no", "place"], how="left", suffix=".declared",
        )
    )  # fmt: skip
    return pl.concat([same, other], how="diagonal").drop("nth", "nth.declared", "place")
