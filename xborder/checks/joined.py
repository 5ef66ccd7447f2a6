"""Order lines joined with catalogue, shipment, profile and tariff: one wide row a line.

Columns of the line keep their names; the others are prefixed ``goods.``, ``shipment.``,
``profile.``, ``tariff.``; exact amounts are ``d.*`` (``Decimal(38, 10)``).
"""

from dataclasses import asdict

import polars as pl

from xborder.checks import facts, goods
from xborder.checks.amounts import (
    DECIMAL,
    bounded,
    decimal,
    exactly,
    half_up,
    minor_digits,
    price_of,
    share_out,
)
from xborder.checks.context import Context

ORDER = ["shop", "order_no"]
"""The key of an order within an exporter; each shop sells on one channel."""

HEAD_FIELDS = ("ordered_at", "currency", "country", "warehouse", "order_type", "inbound_id")
"""What holds for the whole order; a channel may state it on the first line only."""


def prefixed(frame: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """The same frame with ``prefix`` before each column name."""
    return frame.rename({name: f"{prefix}{name}" for name in frame.columns})


def join(lines: pl.DataFrame, context: Context) -> pl.DataFrame:
    """All that is known of each line, with its index ``at`` (UInt32)."""
    wide = lines.with_row_index("at").with_columns(
        pl.len().over(ORDER).alias("lines"),
        pl.int_range(pl.len(), dtype=pl.UInt32).over(ORDER).alias("place_in_order"),
    )
    parcels = context.shipments.group_by(ORDER, maintain_order=True).agg(
        pl.len().alias("parcels"), pl.all().first()
    )
    wide = (
        wide.join(
            prefixed(goods.known(context), "goods."), left_on="sku", right_on="goods.sku", how="left",
            maintain_order="left",
        )
        .join(
            prefixed(parcels, "shipment."), left_on=ORDER,
            right_on=["shipment.shop", "shipment.order_no"], how="left", maintain_order="left",
        )
        .join(_profiles(context), left_on="shop", right_on="profile.id", how="left",
              maintain_order="left")
        .join(_tariff(context), left_on="goods.hs_code", right_on="tariff.hs_code", how="left",
              maintain_order="left")
    )  # fmt: skip
    return _with_amounts(_with_head(wide))


def _profiles(context: Context) -> pl.DataFrame:
    exporter = context.exporter
    if exporter is None:
        raise ValueError("lines are joined with a declaration profile; there is none")
    rows = [
        {f"profile.{name}": str(value) for name, value in asdict(shop).items()}
        | {
            "profile.file": f"exporters/{exporter.id}.toml",
            "profile.exporter": exporter.id,
            "profile.code": exporter.code,
            "profile.name": exporter.name,
            "profile.producer_code": exporter.producer_code,
            "profile.producer_name": exporter.producer_name,
            "profile.dxp_id": exporter.dxp_id,
        }
        for shop in exporter.shops
    ]
    return pl.DataFrame(rows).with_columns(
        pl.when(pl.col(pl.String) == "").then(None).otherwise(pl.col(pl.String)).name.keep()
    )


def _tariff(context: Context) -> pl.DataFrame:
    return prefixed(facts.tariff(context.tables, context.on, context.decisions), "tariff.")


def _with_head(wide: pl.DataFrame) -> pl.DataFrame:
    """The order's own values, from whichever of its lines states them first."""
    return wide.with_columns(
        *(
            pl.col(name).drop_nulls().first().over(ORDER).alias(f"head.{name}")
            for name in HEAD_FIELDS
        ),
        decimal("freight")
        .drop_nulls()
        .first()
        .over(ORDER)
        .fill_null(exactly("0"))
        .alias("d.freight"),
        decimal("order_discount").drop_nulls().first().over(ORDER).alias("d.order_discount"),
    )


def _with_amounts(wide: pl.DataFrame) -> pl.DataFrame:
    """Quantities, weights and the declared FOB value of each line.

    The value is the line's total after the seller's discounts (the line's own and the line's
    share of the order's), before the platform's, without shipping and tax.
    """
    wide = wide.with_columns(
        decimal("qty").alias("d.qty"),
        decimal("unit_price").alias("d.unit_price"),
        decimal("line_total").alias("d.line_total"),
        decimal("line_discount").fill_null(exactly("0")).alias("d.line_discount"),
        decimal("goods.qty1_per_unit").alias("d.qty1_per_unit"),
        decimal("goods.qty2_per_unit").alias("d.qty2_per_unit"),
        decimal("goods.net_weight").alias("d.net_per_unit"),
        decimal("shipment.gross_weight").alias("d.gross"),
        decimal("shipment.net_weight").alias("d.stated_net"),
        minor_digits(pl.col("head.currency")).alias("d.minor"),
    ).with_columns(
        half_up(
            pl.coalesce(
                pl.col("d.line_total"), bounded(pl.col("d.qty") * pl.col("d.unit_price"))
            ) - pl.col("d.line_discount"),
            5,
        ).alias("d.before_share"),
    )  # fmt: skip
    wide = wide.with_columns(
        pl.when(pl.col("d.order_discount").is_null())
        .then(pl.col("d.before_share"))
        .otherwise(
            pl.col("d.before_share")
            - share_out("d.order_discount", "d.before_share", "d.minor", ORDER, "at")
        )
        .alias("d.total")
    )
    positive = pl.col("d.qty") > 0
    wide = wide.with_columns(
        pl.when(positive).then(price_of(pl.col("d.total"), pl.col("d.qty"))).alias("d.price"),
        pl.coalesce("unit", "goods.unit").alias("declared.unit"),
    )
    same_unit = pl.col("declared.unit") == pl.col("goods.unit1")
    return wide.with_columns(
        pl.when(same_unit)
        .then(pl.col("d.qty"))
        .otherwise(half_up(bounded(pl.col("d.qty") * pl.col("d.qty1_per_unit")), 5))
        .alias("d.qty1"),
        half_up(bounded(pl.col("d.qty") * pl.col("d.qty2_per_unit")), 5).alias("d.qty2"),
        half_up(bounded(pl.col("d.qty") * pl.col("d.net_per_unit")), 5).alias("d.net_line"),
    ).with_columns(
        bounded(pl.col("d.total").sum().over(ORDER).cast(DECIMAL)).alias("d.goods_value"),
        pl.coalesce(pl.col("d.stated_net"), pl.col("d.net_line").sum().over(ORDER))
        .cast(DECIMAL)
        .alias("d.net"),
    )
