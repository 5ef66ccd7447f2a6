"""Balances of overseas stock (库存台账) and the statements of the warehouse against them (R40)."""

from datetime import date

import polars as pl

from xborder.stock.entries import ACCOUNT, COMPONENTS, QTY


def balances(entries: pl.DataFrame, since: date | None, until: date) -> pl.DataFrame:
    """One row per account: the identity of R40 for the days ``since`` … ``until``.

    Columns: ACCOUNT, then in units (Decimal): opening, received, returned, found, transfer_in,
    sold, lost, damaged, disposed, transfer_out, removed (all positive as written), other and
    difference (signed), closing. ``opening + received + returned + found + transfer_in − sold −
    lost − damaged − disposed − transfer_out − removed + other + difference = closing``, exactly.
    ``since`` None: from the first movement; ``opening`` is then the stated base alone, else the
    balance before the period and what was stated as a base within it.
    """
    before = pl.lit(False) if since is None else pl.col("day") < since
    zero = pl.lit(0).cast(QTY)
    sums = [
        pl.col("effect").filter((pl.col("component") == name) & ~before).sum().abs().alias(name)
        if name not in ("opening", "other", "difference")
        else pl.col("effect").filter((pl.col("component") == name) & ~before).sum().alias(name)
        for name in COMPONENTS
    ]
    return (
        entries.filter(pl.col("day") <= until)
        .group_by(ACCOUNT)
        .agg(
            *sums,
            pl.col("effect").filter(before).sum().alias("carried"),
            pl.col("effect").sum().alias("closing"),
        )
        .with_columns(opening=pl.col("opening") + pl.col("carried"))
        .drop("carried")
        .with_columns(pl.col(*COMPONENTS, "closing").cast(QTY).fill_null(zero))
        .sort(ACCOUNT)
    )


def moved_on(entries: pl.DataFrame, day: date) -> pl.DataFrame:
    """The balances of one day, of the accounts that something moved on that day."""
    touched = entries.filter(pl.col("day") == day).select(ACCOUNT).unique()
    return balances(entries, day, day).join(touched, on=ACCOUNT, how="semi")


def statements(entries: pl.DataFrame) -> pl.DataFrame:
    """Each balance that a warehouse stated after the first, against the computed one.

    Columns: ACCOUNT, day, stated, computed, difference (stated − computed; Decimal, units),
    movement_id, upload_id, sheet, row.
    """
    return entries.filter(pl.col("computed").is_not_null()).select(
        *ACCOUNT, "day", "stated", "computed", pl.col("effect").alias("difference"),
        "movement_id", "upload_id", "sheet", "row",
    )  # fmt: skip


def sales_before_receipt(entries: pl.DataFrame) -> pl.DataFrame:
    """Sales that took the balance below zero; ``short`` is the part that was not there."""
    sold = entries.filter((pl.col("kind") == "sold") & (pl.col("balance") < 0))
    return sold.with_columns(short=pl.min_horizontal(-pl.col("balance"), -pl.col("effect")))


def negative(entries: pl.DataFrame) -> pl.DataFrame:
    """Accounts whose balance was below zero at the end of a day.

    Columns: ACCOUNT, first (Date), lowest, closing (Decimal), and movement_id, upload_id, sheet,
    row of the movement that first left a day below zero.
    """
    ends = entries.group_by(*ACCOUNT, "day", maintain_order=True).last()
    closing = entries.group_by(ACCOUNT).agg(pl.col("balance").last().alias("closing"))
    below = ends.filter(pl.col("balance") < 0).group_by(ACCOUNT, maintain_order=True)
    return below.agg(
        pl.col("day").first().alias("first"),
        pl.col("balance").min().alias("lowest"),
        pl.col("movement_id", "upload_id", "sheet", "row").first(),
    ).join(closing, on=ACCOUNT, how="left", maintain_order="left")
