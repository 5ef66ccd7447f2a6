"""Answers (答复): all that stands of an upload now, each finding at the user's own cell.

Three hands tell it: the reading of the file, the last check of each of its orders, and the
registry itself (an order that a list has declared and that this file changes, a number that
is taken).
"""

import polars as pl
from sqlalchemy import Engine

from xborder import findings
from xborder.registry import checkings, orders, queries, readings, retold
from xborder.registry.database import reading
from xborder.registry.store import Store

CHANGED = "CHANGED_AFTER_ISSUE"


def findings_of(engine: Engine, store: Store, upload_id: int) -> pl.DataFrame:
    """All findings of an upload that stand now; columns ``FINDINGS`` and ``upload_id``."""
    with reading(engine) as connection:
        entered = orders.of_upload(connection, upload_id)
        own = pl.concat(
            [
                queries.findings_of(connection, upload_id),
                retold.orders(connection, store, upload_id),
                retold.moved(connection, store, upload_id),
            ]
        )
    found = [readings.findings_of(store, upload_id), *_checked(store, upload_id, entered)]
    if own.height:
        told = _placed(store, upload_id, own, entered)
        found.append(told.with_columns(pl.lit(upload_id, pl.Int64).alias("upload_id")))
    return pl.concat([part.select(*findings.FINDINGS, "upload_id") for part in found])


def _checked(store: Store, upload_id: int, entered: pl.DataFrame) -> list[pl.DataFrame]:
    current = entered.filter("current").drop_nulls("check_id")
    found = []
    for (check_id,), own in current.group_by("check_id", maintain_order=True):
        told = store.read_parquet(*checkings.folder(int(str(check_id))), "findings.parquet")
        found.append(
            told.filter(pl.col("upload_id") == upload_id).join(own, on="order_no", how="semi")
        )
    return found


def _placed(store: Store, upload_id: int, own: pl.DataFrame, entered: pl.DataFrame) -> pl.DataFrame:
    """The registry's findings at cells; a changed order's at each cell that differs."""
    if not store.exists(*readings.folder(upload_id), "columns.json"):
        return own
    placed = readings.columns_of(store, [upload_id]).select("sheet", "field", "letter", "header")
    changed = entered.filter(pl.col("outcome") == "changed_after_issue")
    differing = _differences(store, upload_id, changed)
    rest = own.join(differing, on=["code", "order_no"], how="anti")
    read = _records(store, upload_id)
    if "order_no" in read.columns:
        sheets = read.group_by("order_no").agg(pl.col("sheet").first())
        rest = rest.drop("sheet").join(sheets, on="order_no", how="left", maintain_order="left")
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
        )
        .select(*findings.FINDINGS)
        .sort("row", "code", maintain_order=True)
    )


def _records(store: Store, upload_id: int) -> pl.DataFrame:
    return store.read_parquet(*readings.folder(upload_id), "records.parquet")


def _differences(store: Store, upload_id: int, changed: pl.DataFrame) -> pl.DataFrame:
    """Cells of changed orders that differ from what was declared: the present value and the
    declared one, line by line. Columns: code, order_no, sheet, row, field, value, expected."""
    parts = [
        pl.DataFrame(
            schema={
                "code": pl.String, "order_no": pl.String, "sheet": pl.String, "row": pl.UInt32,
                "field": pl.String, "value": pl.String, "expected": pl.String,
            }
        )
    ]  # fmt: skip
    for (before,), own in changed.group_by("stands_in", maintain_order=True):
        new = _records(store, upload_id).join(own, on="order_no", how="semi")
        old = _records(store, int(str(before))).join(own, on="order_no", how="semi")
        both = _line_by_line(new, old)
        content = [name for name in new.columns if f"{name}.declared" in both.columns]
        for name in content:
            if name in ("sheet", "row", "order_row", *readings.STATUS_COLUMNS):
                continue
            parts.append(
                both.filter(pl.col(name).ne_missing(pl.col(f"{name}.declared"))).select(
                    pl.lit(CHANGED).alias("code"),
                    "order_no",
                    "sheet",
                    "row",
                    pl.lit(name).alias("field"),
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
