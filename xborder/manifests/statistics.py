"""The statistics that cover a manifest (统计): by HS heading and by destination.

Exact decimals; amounts of different currencies are never added. ``Group`` of one manifest.
"""

import polars as pl

from xborder.manifests.group import Group
from xborder.manifests.sheets import plain

_EXACT = pl.Decimal(38, 5)


def by_heading(group: Group) -> pl.DataFrame:
    """heading (first 4 digits of the HS code), goods (the most frequent names), lists, lines,
    total, currency (customs' number); totals are plain text."""
    summed = (
        group.items.frame.with_columns(
            heading=pl.col("gcode").str.slice(0, 4), total=pl.col("totalPrice").cast(_EXACT)
        )
        .group_by("heading", "currency")
        .agg(
            pl.col("gname").value_counts(sort=True, name="n").struct.field("gname").head(5),
            pl.col("list_id").n_unique().alias("lists"),
            pl.len().alias("lines"),
            pl.col("total").sum(),
        )
        .sort("heading", "currency")
    )
    return summed.select(
        "heading",
        pl.col("gname").list.sort().list.join("、").alias("goods"),
        "lists",
        "lines",
        _text("total"),
        "currency",
    )


def by_destination(group: Group) -> pl.DataFrame:
    """country (customs' number), name, lists, packages, gross (kg), total, currency."""
    (manifest,) = group.manifests
    summed = (
        group.heads.frame.group_by("country", "orderCurrency")
        .agg(
            pl.len().alias("lists"),
            pl.col("packNo").cast(pl.Int64).sum().alias("packages"),
            pl.col("grossWeight").cast(_EXACT).sum().alias("gross"),
            pl.col("goodsValue").cast(_EXACT).sum().alias("total"),
        )
        .sort("country", "orderCurrency")
    )
    return summed.select(
        "country",
        pl.col("country")
        .map_elements(lambda one: manifest.name("country.customs", one), pl.String)
        .alias("name"),
        "lists",
        "packages",
        _text("gross"),
        _text("total"),
        pl.col("orderCurrency").alias("currency"),
    )


def _text(column: str) -> pl.Expr:
    return pl.col(column).map_elements(plain, pl.String)
