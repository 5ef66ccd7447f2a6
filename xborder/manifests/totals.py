"""What a manifest amounts to: counts, weights, and totals by currency and HS heading.

Sums are exact decimals (38 digits, 5 after the point) and leave as plain text.
"""

from typing import Any

import numpy as np
import polars as pl

from xborder.manifests.group import KEY, Group
from xborder.manifests.sheets import plain

_EXACT = pl.Decimal(38, 5)


def _sum(column: str) -> pl.Expr:
    return pl.col(column).cast(_EXACT).sum()


def totals(group: Group) -> list[dict[str, Any]]:
    """Totals of each manifest; needs CEB603's packNo, weights, gcode, currency and totalPrice.

    Weights are kg. ``by_currency`` and ``by_heading`` (the first 4 digits of the HS code) are
    sorted by their keys; amounts of different currencies are never added.
    """
    heads = group.heads.frame.select(
        "packNo",
        "grossWeight",
        "netWeight",
        "lines",
        manifest=np.repeat(np.arange(len(group.lists)), group.lists),
    )
    summed = heads.group_by("manifest").agg(
        pl.len().alias("lists"),
        pl.col("lines").sum().alias("goods_lines"),
        pl.col("packNo").cast(pl.Int64).sum().alias("packages"),
        _sum("grossWeight").alias("gross_weight_kg"),
        _sum("netWeight").alias("net_weight_kg"),
    )
    lines = group.items.frame.select(
        KEY,
        "currency",
        pl.col("gcode").str.slice(0, 4).alias("heading"),
        pl.col("totalPrice").cast(_EXACT).alias("total"),
        manifest=heads["manifest"].gather(np.repeat(np.arange(len(heads)), group.lines)),
    )
    currencies, headings = _by(lines, ["currency"]), _by(lines, ["heading", "currency"])
    return [
        {
            "lists": row["lists"],
            "goods_lines": row["goods_lines"],
            "packages": row["packages"],
            "gross_weight_kg": plain(row["gross_weight_kg"]),
            "net_weight_kg": plain(row["net_weight_kg"]),
            "by_currency": currencies.get(row["manifest"], []),
            "by_heading": headings.get(row["manifest"], []),
        }
        for row in summed.sort("manifest").iter_rows(named=True)
    ]


def _by(lines: pl.DataFrame, keys: list[str]) -> dict[int, list[dict[str, Any]]]:
    summed = lines.group_by("manifest", *keys).agg(
        pl.col(KEY).n_unique().alias("lists"),
        pl.len().alias("goods_lines"),
        pl.col("total").sum(),
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in summed.sort("manifest", *keys).iter_rows(named=True):
        of = found.setdefault(row.pop("manifest"), [])
        of.append(row | {"total": plain(row["total"])})
    return found
