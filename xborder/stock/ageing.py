"""Age of overseas stock (库龄) by first in, first out, since put-away (R42)."""

from datetime import date

import polars as pl

from xborder.stock import fifo
from xborder.stock.entries import ACCOUNT, QTY

BUCKETS: tuple[tuple[str, int], ...] = (
    ("days_0_30", 0),
    ("days_31_60", 31),
    ("days_61_90", 61),
    ("days_91_180", 91),
    ("days_181_270", 181),
    ("days_271_365", 271),
    ("days_366_up", 366),
)
"""Columns of the age table with the first day of each; days since put-away."""


def layers(entries: pl.DataFrame, report_date: date) -> pl.DataFrame:
    """What is left of each layer: units put away together, used up first in, first out.

    A layer is an entry that raises the balance: opening, receipt, return, find, transfer in,
    `other` above zero, or a stated balance above the computed one. Entries that lower the
    balance use the oldest units, each once. While a balance is below zero, units that come later
    fill the gap first, so the layers' sum is the closing balance or, below zero, nothing.
    Columns: ACCOUNT, put_away (Date), component, movement_id, qty (put away), left (Decimal,
    units), age_days (Int64), bucket; only layers with units left.
    """
    used = (
        entries.filter(pl.col("effect") < 0)
        .group_by(ACCOUNT)
        .agg((-pl.col("effect").sum()).alias("used"))
    )
    put = (
        entries.filter(pl.col("effect") > 0)
        .select(
            *ACCOUNT, pl.col("day").alias("put_away"), "component", "movement_id",
            pl.col("effect").alias("qty"),
        )
        .join(used, on=ACCOUNT, how="left", maintain_order="left")
    )  # fmt: skip
    rest = fifo.left_over(put, ACCOUNT, pl.col("used").fill_null(pl.lit(0).cast(QTY)))
    age = (pl.lit(report_date) - pl.col("put_away")).dt.total_days()
    bucket = pl.lit(BUCKETS[0][0])
    for name, first in BUCKETS[1:]:
        bucket = pl.when(pl.col("age_days") >= first).then(pl.lit(name)).otherwise(bucket)
    return (
        rest.filter(pl.col("left") > 0)
        .drop("used")
        .with_columns(age_days=age)
        .with_columns(bucket=bucket)
    )


def by_age(left: pl.DataFrame) -> pl.DataFrame:
    """The layers as one row per account.

    Columns: ACCOUNT, stock (Decimal, units), one column of units per bucket of BUCKETS, oldest
    (Date of the oldest put-away), oldest_days.
    """
    return (
        left.group_by(ACCOUNT)
        .agg(
            pl.col("left").sum().alias("stock"),
            *[
                pl.col("left").filter(pl.col("bucket") == name).sum().alias(name)
                for name, _ in BUCKETS
            ],
            pl.col("put_away").min().alias("oldest"),
            pl.col("age_days").max().alias("oldest_days"),
        )
        .sort(ACCOUNT)
    )
