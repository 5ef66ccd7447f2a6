"""The statistics that cover a manifest (统计): by HS heading and by destination.

Exact decimals; amounts of different currencies are never added. ``Group`` of one manifest.
"""

import polars as pl

from xborder.manifests import totals
from xborder.manifests.group import Group
from xborder.manifests.sheets import plain

_EXACT = pl.Decimal(38, 5)


def by_heading(group: Group) -> pl.DataFrame:
    """heading (first 4 digits of the HS code), goods (the most frequent names), lists, lines,
    total, currency (customs' number): the manifest's ``totals`` with names; totals are plain text."""
    (summed,) = totals.totals(group)
    named = (
        group.items.frame.group_by(pl.col("gcode").str.slice(0, 4).alias("heading"), "currency")
        .agg(pl.col("gname").value_counts(sort=True, name="n").struct.field("gname").head(5))
        .with_columns(pl.col("gname").list.sort().list.join("、").alias("goods"))
    )
    return (
        pl.DataFrame(summed["by_heading"])
        .join(named, on=["heading", "currency"], maintain_order="left")
        .select(
            "heading", "goods", "lists", pl.col("goods_lines").alias("lines"), "total", "currency"
        )
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
