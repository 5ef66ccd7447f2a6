"""What a manifest amounts to: counts, weights, and totals by currency and HS heading.

Sums are exact decimals (38 digits, 5 after the point) and leave as plain text.
"""

from typing import Any

import polars as pl

from xborder.manifests.sheets import plain

_EXACT = pl.Decimal(38, 5)


def _sum(column: str) -> pl.Expr:
    return pl.col(column).cast(_EXACT).sum()


def totals(heads: pl.DataFrame, items: pl.DataFrame) -> dict[str, Any]:
    """Totals of some lists; needs CEB603's packNo, weights, gcode, currency and totalPrice.

    Weights are kg. ``by_currency`` and ``by_heading`` (the first 4 digits of the HS code) are
    sorted by their keys; amounts of different currencies are never added.
    """
    packages, gross, net = heads.select(
        pl.col("packNo").cast(pl.Int64).sum(), _sum("grossWeight"), _sum("netWeight")
    ).row(0)
    lines = items.with_columns(heading=pl.col("gcode").str.slice(0, 4))
    return {
        "lists": len(heads),
        "goods_lines": len(items),
        "packages": packages,
        "gross_weight_kg": plain(gross),
        "net_weight_kg": plain(net),
        "by_currency": _by(lines, ["currency"]),
        "by_heading": _by(lines, ["heading", "currency"]),
    }


def _by(lines: pl.DataFrame, keys: list[str]) -> list[dict[str, Any]]:
    summed = lines.group_by(keys).agg(
        pl.col("list_id").n_unique().alias("lists"),
        pl.len().alias("goods_lines"),
        _sum("totalPrice").alias("total"),
    )
    return [row | {"total": plain(row["total"])} for row in summed.sort(keys).iter_rows(named=True)]
