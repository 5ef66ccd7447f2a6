"""Waybills and payment receipts (运单、收款单): what a profile files besides orders and lists.

They say what the lists say, and are written from the same rows; a manifest's package does not
hold them. Payment receipts are not asked for any more since 2024-12-15 (GAC 2024/167).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder import clock
from xborder.manifests import content
from xborder.manifests import messages as writer
from xborder.registry.staging import fetch
from xborder.registry.store import Store


def _waybills(
    heads: pl.DataFrame,
    items: pl.DataFrame,
    row: Row[Any],
    beside: Mapping[str, Any],
    c: Connection,
) -> pl.DataFrame:
    """CEB505: a row a list; what the waybill says is what the list says."""
    goods = items.group_by("list_id", maintain_order=True).agg(
        pl.col("gname").unique(maintain_order=True)
    )
    named = goods.select("list_id", goodsInfo=pl.col("gname").list.join("、").str.head(200))
    return heads.join(named, on="list_id", how="left", maintain_order="left").with_columns(
        currency="fCurrency"
    )


def _payments(
    heads: pl.DataFrame,
    items: pl.DataFrame,
    row: Row[Any],
    beside: Mapping[str, Any],
    c: Connection,
) -> pl.DataFrame:
    """CEB403: a row an order, paid when it was placed, with goods and freight."""
    placed = fetch(
        c,
        """
        SELECT l.id, o.ordered_at FROM lists l JOIN orders o ON o.id = l.order_id
        WHERE l.manifest_id = :of
        """,
        {"list_id": pl.Int64, "ordered_at": pl.String},
        of=row.id,
    )
    with_time = heads.join(placed, on="list_id", how="left", maintain_order="left")
    charges = [
        format((Decimal(goods) + Decimal(freight or "0")).normalize(), "f")
        for goods, freight in heads.select("goodsValue", "orderFreight").iter_rows()
    ]
    times = [
        _paid_at(at, otherwise)
        for at, otherwise in with_time.select("ordered_at", "appTime").iter_rows()
    ]
    return heads.with_columns(
        **{name: pl.lit(value or None, pl.String) for name, value in beside["payment"].items()},
        charge=pl.Series(charges),
        currency="orderCurrency",
        accountingDate=pl.Series(times),
    )


def _paid_at(ordered_at: str | None, otherwise: str) -> str:
    if ordered_at is None:
        return otherwise
    if len(ordered_at) == len("2026-11-22"):
        return ordered_at.replace("-", "") + "000000"
    return clock.app_time(datetime.fromisoformat(ordered_at.replace("Z", "+00:00")))


KINDS = {"403": _payments, "505": _waybills}


def written(
    c: Connection, store: Store, row: Row[Any], kind: str, beside: Mapping[str, Any]
) -> list[writer.Message]:
    """A manifest's messages of a kind that its package does not hold; ``beside`` is what the
    profile said of them (``content.beside``)."""
    group = content.load(c, content.Checked(store), [row])
    heads = group.heads.frame.with_columns(
        pl.coalesce("orderAppType", "appType").alias("appType"),
        pl.Series("guid", [writer.guid(one, kind) for one in group.heads.frame["guid"]]),
    )
    told = KINDS[kind](heads, group.items.frame, row, beside, c)
    return writer.document(
        f"CEB{kind}",
        row.number,
        row.batch["transfer"],
        told,
        per_message=row.batch["lists_per_message"],
    )
