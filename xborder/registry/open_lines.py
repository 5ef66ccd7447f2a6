"""The lines of open orders (待核验订单的商品行), and what other reports tell of their orders.

A report that lacks facts of its orders is completed from another report of the same orders
(``checks.partners``), wherever that stands: its orders may have been replaced by this one's, or
its rows be duplicates of them.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row

from xborder.checks import partners
from xborder.checks.context import Context, records_schema
from xborder.checks.dry_run import order_lines
from xborder.checks.places import SOURCE
from xborder.checks.prices import awaiting
from xborder.intake import Reading
from xborder.intake.layouts import all_layouts
from xborder.intake.mappings import base_name
from xborder.registry import readings, uploads
from xborder.registry.store import Store
from xborder.schemas.exporters import Exporter

PLACE = ["sheet", "row", "field", "cell"]
"""Where a reading told something; one field may stand in several cells of a row."""


def lines_of(store: Store, open_now: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lines of orders, from the readings that hold their current content, and what those
    told of them.

    ``open_now`` has the columns ``OPEN_ORDERS``. The lines have the canonical columns of an
    order line, ``shop`` and lineage, in order of upload, block and row; what was told is
    shop, upload_id, order_no, code and the place. Raises LookupError when a reading holds no
    line of an order.
    """
    lines, told = [], []
    for (number, block), own in open_now.group_by("upload_id", "block", maintain_order=True):
        upload_id, blocks = int(str(number)), None if block is None else [int(str(block))]
        where = readings.folder(upload_id)
        shop = own.get_column("shop").item(0)
        source = [
            pl.lit(shop).alias("shop"),
            pl.lit(upload_id, pl.Int64).alias("upload_id"),
            pl.lit(own.get_column("file_name").item(0)).alias("file"),
        ]
        records = store.read_parquet(*where, "records.parquet", blocks=blocks)
        # Mostly all of a block are open: then no line need move.
        known = own.get_column("order_no")
        asked = records.get_column("order_no").is_in(known.implode()).fill_null(value=False)
        records = records if asked.all() else records.filter(asked)
        if records.get_column("order_no").n_unique() < own.height:
            raise LookupError(f"upload {upload_id} holds no line of some order of block {block}")
        lines.append(awaiting(records.with_columns(source), readings.partner_of(store, upload_id)))
        found = store.read_parquet(
            *where, "findings.parquet", columns=["order_no", "code", *PLACE], blocks=blocks
        )
        told.append(
            found.join(own, on="order_no", how="semi")
            .unique(maintain_order=True)
            .select(*source[:2], "order_no", "code", *PLACE)
        )
    return pl.concat(lines, how="diagonal"), pl.concat(told)


@cache
def _completing() -> dict[str, frozenset[str]]:
    """Channel → the layouts that complete orders of others in it."""
    told: dict[str, frozenset[str]] = {}
    for layout in all_layouts():
        if layout.partner_tells:
            told[layout.channel] = told.get(layout.channel, frozenset()) | {layout.partner}
    return told


def completing(connection: Connection, exporter: Exporter) -> list[Row[Any]]:
    """Uploads of the exporter that complete orders of its other reports, in order of their last
    delivery; for most channels none, and none is asked for."""
    known = _completing()
    names = {name for shop in exporter.shops for name in known.get(shop.channel, ())}
    if not names:
        return []
    read = uploads.of_kind(connection, exporter.id, "orders")
    return [one for one in read if base_name(one.layout) in names]


def with_known_facts(
    connection: Connection, store: Store, context: Context, read: Sequence[Reading], shop: str
) -> Context:
    """The context of a check of files with what reports that were handed in before tell of their
    orders; ``context`` has the exporter."""
    lines = [
        awaiting(order_lines(one.records, one.file_name, shop), one.partner)
        for one in read
        if one.usable and one.kind == "orders" and one.partner.get("awaits_fields")
    ]
    if not lines or context.exporter is None:
        return context
    files = completing(connection, context.exporter)
    facts = order_facts(store, files, pl.concat(lines, how="diagonal"))
    placed = readings.columns_of(store, facts.get_column("upload_id").unique().sort())
    return replace(context, order_facts=facts, placed=pl.concat([context.placed, placed]))


def order_facts(store: Store, files: Sequence[Row[Any]], lines: pl.DataFrame) -> pl.DataFrame:
    """What these uploads (as ``completing`` has them) tell of the orders whose lines lack it: one
    record an order, of the latest file that names it; ``Context.order_facts``."""
    schema = records_schema("order_line")
    told: list[pl.DataFrame] = []
    wanted = partners.wanted(lines) if files else pl.DataFrame()
    # The newest file first: older ones are only read for what no newer one tells.
    for file in reversed(files):
        if wanted.is_empty():
            break
        where = (*readings.folder(file.id), "records.parquet")
        own = wanted.filter(pl.col("shop") == file.shop).get_column("order_no")
        if own.is_empty() or not store.exists(*where):
            continue
        found = store.read_parquet(*where).filter(pl.col("order_no").is_in(own.implode()))
        origin = {"shop": file.shop, "upload_id": file.id, "file": file.file_name}
        found = found.with_columns(
            pl.lit(value, SOURCE.get(name, pl.String())).alias(name)
            for name, value in origin.items()
        )
        told.append(found.select(name for name in schema if name in found.columns))
        wanted = wanted.join(found.select(partners.ORDER), on=partners.ORDER, how="anti")
    return partners.latest(told[::-1], schema)
